// Package process builds the programs of this repository and runs them, also
// where no test is at hand that would end them.
package process
