package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// httpMain is the program "http METHOD URL [BODY]": the body of the answer
// goes to stdout, the status to stderr; exit code 1 unless it is 2xx.
func httpMain() {
	var body io.Reader
	if len(os.Args) > 3 {
		body = strings.NewReader(os.Args[3])
	}
	req, err := http.NewRequest(os.Args[1], os.Args[2], body)
	if err != nil {
		fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		fatal(err)
	}
	defer resp.Body.Close()
	fmt.Fprintln(os.Stderr, resp.Status)
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil {
		fatal(err)
	}
	if resp.StatusCode/100 != 2 {
		os.Exit(1)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// eventuallyMain is the program "eventually TEXT COMMAND…": it runs the
// command until its output holds the text, and prints the output.
func eventuallyMain() {
	var out []byte
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(20 * time.Millisecond) {
		out, _ = exec.Command(os.Args[2], os.Args[3:]...).CombinedOutput() // it may fail until it no longer does
		if bytes.Contains(out, []byte(os.Args[1])) {
			os.Stdout.Write(out)
			return
		}
		if time.Now().After(deadline) {
			os.Stdout.Write(out)
			fatal(fmt.Errorf("%q did not appear within %s", os.Args[1], waitLimit))
		}
	}
}

// exitsMain is the program "exits CODE COMMAND…": it fails unless the command
// ends with that exit code.
func exitsMain() {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[2], os.Args[3:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		fatal(err)
	}
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != os.Args[1] {
		fatal(fmt.Errorf("exit code %s, want %s", got, os.Args[1]))
	}
}

// reachesMain is the program "reaches FIELD FILE COMMAND…": it runs the
// command until the number in that field of its output, a JSON object, is at
// least the one in the file.
func reachesMain() {
	b, err := os.ReadFile(os.Args[2])
	if err != nil {
		fatal(err)
	}
	want, err := strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
	if err != nil {
		fatal(err)
	}
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(20 * time.Millisecond) {
		out, _ := exec.Command(os.Args[3], os.Args[4:]...).Output() // it may fail until it no longer does
		var object map[string]any
		if json.Unmarshal(out, &object) == nil {
			if got, ok := object[os.Args[1]].(float64); ok && got >= want {
				return
			}
		}
		if time.Now().After(deadline) {
			os.Stdout.Write(out)
			fatal(fmt.Errorf("%s did not reach %v within %s", os.Args[1], want, waitLimit))
		}
	}
}

// fillMain is the program "fill URL FILE": it posts bodies of 1 MiB until one
// is refused, writes to the file how many were accepted, and prints how the
// last was refused.
func fillMain() {
	body := `{"filling":"` + strings.Repeat("a", 1<<20) + `"}`
	for n := range 1000 {
		resp, err := http.Post(os.Args[1], "application/json", strings.NewReader(body))
		if err != nil {
			fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body) // only the status counts
		resp.Body.Close()
		if resp.StatusCode/100 != 2 {
			fmt.Printf("accepted=%d status=%d retry-after=%q\n", n, resp.StatusCode, resp.Header.Get("Retry-After"))
			if err := os.WriteFile(os.Args[2], []byte(strconv.Itoa(n)), 0o600); err != nil {
				fatal(err)
			}
			return
		}
	}
	fatal(errors.New("nothing was refused"))
}

// notify returns the signals to end that this program gets from now on.
func notify() chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	return c
}

// faultyMain is a function, "faulty WAY": a server on $PORT without Weft's
// runtime that keeps the contract except in one way.
func faultyMain() {
	way := os.Args[1]
	switch way {
	case "exit":
		fmt.Fprintln(os.Stderr, "cannot open the till")
		os.Exit(3)
	case "exit-late":
		time.AfterFunc(200*time.Millisecond, func() { os.Exit(3) })
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		fatal(err)
	}
	fatal(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { faulty(way, w, r) })))
}

func faulty(way string, w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/health/") {
		if way == "never-ready" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch way {
	case "hang":
		<-r.Context().Done()
	case "garbage":
		io.WriteString(w, `{"orderId": not JSON`)
	case "huge":
		io.WriteString(w, `"`)
		chunk := bytes.Repeat([]byte("a"), 1<<20)
		for range 256 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
		io.WriteString(w, `"`)
	case "fail":
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, `{"error":"the till is stuck"}`)
	case "refuse":
		w.WriteHeader(http.StatusUnprocessableEntity)
		io.WriteString(w, `{"error":"no items"}`)
	case "die":
		os.Exit(4)
	case "crash-once":
		// Dies at its first call on this machine, then works.
		f, err := os.OpenFile("crashed", os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			f.Close()
			os.Exit(4)
		}
		fallthrough
	default:
		answer, err := json.Marshal(map[string]any{"by": os.Getenv("FUNCTION_TARGET"), "got": json.RawMessage(orNull(body))})
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Write(answer)
	}
}

func orNull(b []byte) []byte {
	if len(b) == 0 {
		return []byte("null")
	}
	return b
}

// hold keeps a port or a lock taken while the script runs:
//
//	hold port NAME   listens at a free port and sets $NAME to its address
func hold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || args[0] != "port" {
		ts.Fatalf("usage: hold port NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv(args[1], l.Addr().String())
}
