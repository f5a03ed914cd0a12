package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// span is seconds by the process's CPU clock and on the wall.
type span struct{ cpu, wall float64 }

func now() span {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
	return span{cpu, float64(time.Now().UnixNano()) / 1e9}
}

func (s span) since() line {
	end := now()
	return line{"cpu": end.cpu - s.cpu, "wall": end.wall - s.wall}
}

// status is a size from /proc/self/status, in bytes.
func status(name string) int {
	for text := range strings.SplitSeq(string(must(os.ReadFile("/proc/self/status"))), "\n") {
		if rest, found := strings.CutPrefix(text, name+":"); found {
			return must(strconv.Atoi(strings.Fields(rest)[0])) << 10
		}
	}
	return 0
}

func resetPeak() { os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// settled is the resident memory, and the heap in use, once garbage is gone.
func settled() (resident, heap int) {
	runtime.GC()
	runtime.GC()
	debug.FreeOSMemory()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return status("VmRSS"), int(stats.HeapAlloc)
}

// ticker notes how late a goroutine is that wants to run every millisecond.
type ticker struct {
	mutex sync.Mutex
	late  []float64
}

func (t *ticker) run() {
	for {
		due := time.Now().Add(time.Millisecond)
		time.Sleep(time.Millisecond)
		t.mutex.Lock()
		t.late = append(t.late, time.Since(due).Seconds())
		t.mutex.Unlock()
	}
}

func (t *ticker) reset() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.late = nil
}

func (t *ticker) lateness() []float64 {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	late := slices.Clone(t.late)
	slices.Sort(late)
	return late
}
