//go:build !linux

package process

import "syscall"

// dieWithParent needs prctl(2), which is Linux's.
func dieWithParent() *syscall.SysProcAttr { return nil }
