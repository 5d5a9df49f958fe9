// Package arch tests what the compiler doesn't: which package may import
// which, what a decision may see, and how large things get. The rules are
// lists in rules_test.go; a rule that is in the way is changed there, with its
// reason in the commit.
package arch
