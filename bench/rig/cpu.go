package rig

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// CPU measures the processor time of this process and of the embedded broker.
type CPU struct {
	kafka        *Kafka
	wall         time.Time
	self, broker time.Duration
}

// StartCPU begins to measure.
func StartCPU(k *Kafka) CPU {
	return CPU{kafka: k, wall: time.Now(), self: ownTime(), broker: processTime(k.pid)}
}

// Report adds records per second and processor seconds per million records,
// of the client alone and of the embedded broker.
func (c CPU) Report(b *testing.B, records int) {
	b.Helper()
	wall, million := time.Since(c.wall), float64(records)/1e6
	b.ReportMetric(float64(records)/wall.Seconds(), "records/s")
	b.ReportMetric((ownTime()-c.self).Seconds()/million, "cpu-s/M")
	if c.kafka.pid != 0 {
		b.ReportMetric((processTime(c.kafka.pid)-c.broker).Seconds()/million, "broker-cpu-s/M")
	}
	b.ReportMetric(0, "ns/op") // says nothing of many senders
}

func ownTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// processTime is the user and system time of a process, from Linux's
// /proc/{pid}/stat (fields 14 and 15, in ticks of 10 ms); 0 elsewhere.
func processTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name, field 2, may have spaces; it ends with the last parenthesis.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// Resident is the resident memory of a process in bytes, from Linux's
// /proc/{pid}/status.
func Resident(pid int) (int64, error) { return memory(pid, "VmRSS:") }

// Peak is the most that a process has ever had resident, in bytes.
func Peak(pid int) (int64, error) { return memory(pid, "VmHWM:") }

func memory(pid int, name string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no %s", pid, name)
}
