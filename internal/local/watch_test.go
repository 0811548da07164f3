package local

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWatchTakesInWhatIsMadeLater(t *testing.T) {
	r := newRig(t, built, nil)
	r.project(map[string]string{"good": plain("hello"), "bad": plain("other")})
	r.up(func(o *Options) { o.Watch = true })

	r.write("mesh.yaml", built+"    - {name: late, source: ./more/late, triggers: [{type: http}]}\n")
	r.eventually("the function without code", func() bool {
		status, _ := r.get("/late")
		return status == http.StatusServiceUnavailable
	})
	// One directory at a time, as people do.
	for _, dir := range []string{"more", "more/late"} {
		if err := os.Mkdir(filepath.Join(r.dir, dir), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	r.write("more/late/main.go", plain("come"))
	r.eventually("code in a directory that was not there", func() bool {
		status, body := r.get("/late")
		return status == http.StatusOK && strings.HasPrefix(body, "come")
	})

	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: marks}\nstringData: {mark: $MARK}\n"
	r.write("mesh.yaml", strings.Replace(built, "value: one", "valueFrom: {secretKeyRef: {name: marks, key: mark}}", 1))
	r.eventually("the missing Secret", func() bool { return strings.Contains(r.out.String(), `there is no Secret "marks"`) })
	r.write("local/marks.yaml", strings.Replace(secret, "$MARK", "first", 1))
	r.eventually("a document in a directory that was not there", func() bool {
		_, body := r.get("/good")
		return body == "hello first"
	})
	r.write("local/marks.yaml", strings.Replace(secret, "$MARK", "second", 1))
	r.eventually("a document that has changed", func() bool {
		_, body := r.get("/good")
		return body == "hello second"
	})

	r.write("mesh.yaml", built)
	r.eventually("the mesh without the Secret", func() bool {
		_, body := r.get("/good")
		return body == "hello one"
	})
	reloads := strings.Count(r.out.String(), "reloaded the mesh")
	if err := os.RemoveAll(filepath.Join(r.dir, "local")); err != nil {
		t.Fatal(err)
	}
	r.eventually("a directory that is gone", func() bool { return strings.Count(r.out.String(), "reloaded the mesh") > reloads })
	if strings.Contains(r.out.String(), "cannot be watched") {
		t.Errorf("it is told as a fault:\n%s", r.out)
	}
}

func TestTheSameTroubleIsToldOnce(t *testing.T) {
	var told troubles
	now := time.Now()
	for _, step := range []struct {
		reason, function, why string
		after                 time.Duration
		over, want            bool
	}{
		{reason: "the first time", function: "a", why: "gone", want: true},
		{reason: "again", function: "a", why: "gone", after: time.Second},
		{reason: "another function", function: "b", why: "gone", want: true},
		{reason: "another reason", function: "a", why: "lost", want: true},
		{reason: "much later", function: "a", why: "lost", after: time.Hour, want: true},
		{reason: "after it was well", function: "a", why: "lost", over: true, want: true},
	} {
		now = now.Add(step.after)
		if step.over {
			told.over(step.function)
		}
		if got := told.isNew(step.function, step.why, now); got != step.want {
			t.Errorf("%s: told %t, want %t", step.reason, got, step.want)
		}
	}
	if got := why(errors.New("plain")); got != "plain" {
		t.Errorf("an error that is no UnavailableError is its own reason, not %q", got)
	}
}
