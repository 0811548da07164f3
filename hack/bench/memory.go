//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// memory is the highest sum of several samples, in MB (2^20 bytes), of the
// proportional set size, in which a page that n processes share counts a nth
// for each (smaps_rollup; measured on Linux only, zero elsewhere).
type memory struct {
	All    float64 `json:"all"`
	Engine float64 `json:"engine"`
	// Processes at that sample.
	Processes int `json:"processes"`
}

// sampleMemory samples the process tree of pid each interval until ctx ends.
func sampleMemory(ctx context.Context, pid int, every time.Duration) memory {
	var most memory
	for {
		if m, err := memoryOf(pid); err == nil && m.All > most.All {
			most = m
		}
		select {
		case <-ctx.Done():
			return most
		case <-time.After(every):
		}
	}
}

func memoryOf(pid int) (memory, error) {
	pids, err := tree(pid)
	if err != nil {
		return memory{}, err
	}
	var m memory
	for _, p := range pids {
		mb, err := pss(p)
		if err != nil {
			continue // it has ended meanwhile
		}
		if m.All += mb; p == pid {
			m.Engine = round(mb, 1)
		}
		m.Processes++
	}
	if m.Engine == 0 {
		return memory{}, fmt.Errorf("process %d has ended", pid)
	}
	m.All = round(m.All, 1)
	return m, nil
}

// tree returns pid and its descendants, from /proc.
func tree(pid int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := make(map[int][]int)
	for _, path := range stats {
		p, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return nil, err
		}
		// After the command's name: state, parent, ...
		if f, err := statFields(p); err == nil && len(f) > 1 {
			if parent, err := strconv.Atoi(f[1]); err == nil {
				children[parent] = append(children[parent], p)
			}
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all, nil
}

// statFields returns what follows the command's name in /proc/PID/stat; the
// name may hold spaces and parentheses.
func statFields(pid int) ([]string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	return strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:])), nil
}

// pss of a process in MB.
func pss(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d: no Pss in smaps_rollup", pid)
}

// cpu returns the processor time that a process has used.
func cpu(pid int) (time.Duration, error) {
	f, err := statFields(pid)
	if err != nil {
		return 0, err
	}
	if len(f) < 13 {
		return 0, fmt.Errorf("process %d: /proc stat is short", pid)
	}
	var ticks int64
	for _, s := range f[11:13] { // utime and stime
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	return time.Duration(ticks) * tick, nil
}

// processor is what a run took of the processors for each order, in
// microseconds (Linux only, zero elsewhere). Other than a rate it does not
// depend on what else a machine does.
type processor struct {
	Engine    float64 `json:"engine"`
	Functions float64 `json:"functions"`
	// Client makes the orders and takes the mail.
	Client float64 `json:"client"`
}

// used returns the processor time so far of the engine's process, of its
// children and of this process.
func used(pid int) (engine, functions, client time.Duration) {
	pids, err := tree(pid)
	if err != nil {
		return 0, 0, 0
	}
	for _, p := range pids {
		d, err := cpu(p)
		if err != nil {
			continue // it has ended meanwhile
		}
		if p == pid {
			engine += d
		} else {
			functions += d
		}
	}
	client, _ = cpu(os.Getpid())
	return engine, functions, client
}

// measureProcessor gives what run, which says how many orders it made, has used.
func measureProcessor(pid int, run func() (int, error)) (processor, error) {
	e, f, c := used(pid)
	n, err := run()
	if err != nil || n == 0 {
		return processor{}, err
	}
	e2, f2, c2 := used(pid)
	each := func(d time.Duration) float64 { return round(float64(d)/float64(time.Microsecond)/float64(n), 0) }
	return processor{each(e2 - e), each(f2 - f), each(c2 - c)}, nil
}
