package main

// Slowdowns of known size, for `harness selftest`: added to a copy of this
// target, never to the target itself. Each keeps its size by measuring, with
// the kernel's clocks, what the rest of the process costs; the account of it
// goes to standard error, one line every fifth of a second.

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

const (
	accountEvery = 200 * time.Millisecond
	processClock = 2 // CLOCK_PROCESS_CPUTIME_ID
	threadClock  = 3 // CLOCK_THREAD_CPUTIME_ID
	mostBallast  = 1 << 30
)

// handicap is what the environment asks for, and what came of it.
type handicap struct {
	cpuRatio    float64       // CPU time added ÷ CPU time of all else
	memoryRatio float64       // resident memory added ÷ that of all else
	delayShare  float64       // of the requests that wait
	delay       time.Duration // for so long
	start       time.Duration // before it listens

	mu      sync.Mutex
	account handicapAccount
	ballast []byte // mapped; its first BallastBytes are resident
}

// handicapAccount counts from the start of the process; the two sizes of
// memory are those of the moment.
type handicapAccount struct {
	UnixNs       int64 `json:"unix_ns"`
	Requests     int64 `json:"requests"`
	CPUNs        int64 `json:"cpu_ns"`
	BurntNs      int64 `json:"burnt_ns"`
	Delayed      int64 `json:"delayed"`
	WaitedNs     int64 `json:"waited_ns"`
	RSSBytes     int64 `json:"rss_bytes"`
	BallastBytes int64 `json:"ballast_bytes"`
	StartNs      int64 `json:"start_ns"`
}

// theHandicap is nil where no account is asked for. It is made before main begins,
// which is where a slow start belongs.
var theHandicap = newHandicap()

func newHandicap() *handicap {
	if os.Getenv("HANDICAP_ACCOUNT") == "" {
		return nil
	}
	h := &handicap{
		cpuRatio:    handicapSetting("HANDICAP_CPU_RATIO"),
		memoryRatio: handicapSetting("HANDICAP_MEMORY_RATIO"),
		delayShare:  handicapSetting("HANDICAP_DELAY_SHARE"),
		delay:       time.Duration(handicapSetting("HANDICAP_DELAY_MS") * float64(time.Millisecond)),
		start:       time.Duration(handicapSetting("HANDICAP_START_MS") * float64(time.Millisecond)),
	}
	began := time.Now()
	time.Sleep(h.start)
	h.account.StartNs = int64(time.Since(began))
	if h.memoryRatio > 0 {
		h.ballast = mapBallast()
	}
	go h.keep()
	return h
}

func handicapSetting(name string) float64 {
	text := os.Getenv(name)
	if text == "" {
		return 0
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || value < 0 || math.IsInf(value, 0) || math.IsNaN(value) {
		fmt.Fprintf(os.Stderr, "%s: must be a number of 0 or more (here: %q)\n", name, text)
		os.Exit(exitBadConfiguration)
	}
	return value
}

// handicapped slows messages down, before they are looked at: what follows may
// send parts of the answer at once.
func handicapped(next http.Handler) http.Handler {
	if theHandicap == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			theHandicap.slowDown()
		}
		next.ServeHTTP(w, r)
	})
}

func (h *handicap) slowDown() {
	h.mu.Lock()
	h.account.Requests++
	waits := h.delayShare > 0 && h.account.Requests%int64(math.Round(1/h.delayShare)) == 0
	if h.cpuRatio > 0 {
		h.burn()
	}
	h.mu.Unlock()
	if waits {
		began := time.Now()
		time.Sleep(h.delay)
		waited := int64(time.Since(began))
		h.mu.Lock()
		h.account.Delayed++
		h.account.WaitedNs += waited
		h.mu.Unlock()
	}
}

// burn spends CPU time until what was burnt has the ratio to the rest; its own
// reading of clocks is part of it. getrusage would not do: what it says of a
// thread stands still between two ticks of the kernel.
func (h *handicap) burn() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := cpuNs(threadClock)
	rest := cpuNs(processClock) - h.account.BurntNs
	due := int64(h.cpuRatio*float64(rest)) - h.account.BurntNs
	burnt := cpuNs(threadClock) - began
	for mixed := uint64(1); burnt < due; burnt = cpuNs(threadClock) - began {
		for range 500 {
			mixed = mixed*6364136223846793005 + 1442695040888963407
		}
		runtime.KeepAlive(mixed)
	}
	h.account.BurntNs += burnt
}

// keep holds the ballast at its ratio and tells the account.
func (h *handicap) keep() {
	for range time.Tick(accountEvery) {
		h.mu.Lock()
		h.load()
		h.account.CPUNs = cpuNs(processClock)
		h.account.UnixNs = time.Now().UnixNano()
		text, err := json.Marshal(h.account)
		h.mu.Unlock()
		if err == nil {
			fmt.Fprintf(os.Stderr, "handicap: %s\n", text)
		}
	}
}

// load has as much of the ballast resident as is due: memory that the garbage
// collector knows nothing of, so that it collects no less often.
func (h *handicap) load() {
	h.account.RSSBytes = rssBytes()
	if h.memoryRatio == 0 {
		return
	}
	page := int64(os.Getpagesize())
	rest := h.account.RSSBytes - h.account.BallastBytes
	due := min(int64(h.memoryRatio*float64(rest))/page*page, mostBallast)
	for at := h.account.BallastBytes; at < due; at += page {
		h.ballast[at] = 1
	}
	if due < h.account.BallastBytes {
		handicapMust(syscall.Madvise(h.ballast[due:h.account.BallastBytes], syscall.MADV_DONTNEED))
	}
	h.account.RSSBytes = rest + due
	h.account.BallastBytes = due
}

// mapBallast reserves addresses alone; pages stay small, so that each counts
// for itself.
func mapBallast() []byte {
	flags := syscall.MAP_ANON | syscall.MAP_PRIVATE | syscall.MAP_NORESERVE
	ballast, err := syscall.Mmap(-1, 0, mostBallast, syscall.PROT_READ|syscall.PROT_WRITE, flags)
	handicapMust(err)
	_ = syscall.Madvise(ballast, syscall.MADV_NOHUGEPAGE) // a kernel without huge pages knows no such advice
	return ballast
}

func handicapMust(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "handicap: %v\n", err)
		os.Exit(exitFailure)
	}
}

// cpuNs is the CPU time of a clock of clock_gettime(2).
func cpuNs(clock uintptr) int64 {
	var used syscall.Timespec
	_, _, failed := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&used)), 0)
	if failed != 0 {
		handicapMust(failed)
	}
	return used.Nano()
}

// rssBytes is the second figure of /proc/self/statm, which is in pages.
func rssBytes() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}
