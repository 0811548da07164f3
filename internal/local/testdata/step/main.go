// Command step is every function of the engine's tests: it asks the test what
// to do with each call.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/weftmesh/weft/runtime/fn"
)

func main() {
	if os.Getenv("STEP_STREAM") != "" {
		fn.HTTP(os.Getenv("FUNCTION_TARGET"), http.HandlerFunc(stream))
	} else {
		fn.Typed(os.Getenv("FUNCTION_TARGET"), step)
	}
	fn.Main()
}

func step(ctx context.Context, in map[string]any) (map[string]any, error) {
	action, err := ask(ctx, fmt.Sprint(in["id"]))
	if err != nil {
		return nil, err
	}
	verb, rest, _ := strings.Cut(action, " ")
	switch verb {
	case "fail":
		return nil, errors.New("told to fail")
	case "permanent":
		return nil, fn.Permanent(errors.New("told to fail for good"))
	case "exit":
		os.Exit(3)
	case "none":
		return nil, nil
	case "emit":
		return in, fn.Emit(ctx, rest, in)
	case "print":
		fmt.Println(rest, os.Getenv("STEP_SECRET"))
	}
	in["by"] = os.Getenv("FUNCTION_TARGET") + os.Getenv("STEP_MARK")
	return in, nil
}

// ask tells the test of the call, and returns what it is to do.
func ask(ctx context.Context, id string) (string, error) {
	q := url.Values{
		"function": {os.Getenv("FUNCTION_TARGET")}, "id": {id}, "attempt": {fmt.Sprint(fn.Attempt(ctx))}, "pid": {fmt.Sprint(os.Getpid())},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv("STEP_HOOK")+"?"+q.Encode(), nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// stream sends an event, and another once the test says so.
func stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for i := range 2 {
		if _, err := ask(r.Context(), fmt.Sprint(i)); err != nil {
			return
		}
		fmt.Fprintf(w, "data: %d\n\n", i)
		_ = http.NewResponseController(w).Flush()
	}
}
