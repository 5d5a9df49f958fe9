package process

import "syscall"

// dieWithParent: the kernel kills the program when the process that started it
// is gone, however that ended.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
