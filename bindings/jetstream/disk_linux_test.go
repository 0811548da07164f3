package jetstream

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFullDisk fills a small file system: publishing fails with a reason,
// what was accepted stays, and all goes on once there is room.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs the right to mount a file system:", err)
		}
		t.Skip("needs the right to mount a file system:", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	s, err := Start(t.Context(), Options{Dir: dir, Namespace: "default", Mesh: "shop", Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.Declare(t.Context(), "q", "p"); err != nil {
		t.Fatal(err)
	}
	sub, err := s.Subscribe(t.Context(), "p")
	if err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 20<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	accepted := 0
	for ; err == nil; accepted++ {
		err = s.Publish(t.Context(), "q", sized(strconv.Itoa(accepted), 100<<10))
	}
	accepted--
	t.Log("after", accepted, "events:", err)
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(err.Error(), "cannot be written"); {
		if time.Now().After(deadline) {
			t.Fatalf("no clear error: %v", err)
		}
		err = s.Publish(t.Context(), "q", sized("more", 100<<10))
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		if err = s.Publish(t.Context(), "p", sized("after", 100)); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still not accepting: %v", err)
		}
	}
	ds, err := sub.Fetch(t.Context(), 1)
	if err != nil || ds[0].Event().ID() != "after" {
		t.Fatalf("a subscription from before gave %v, %v", ds, err)
	}
	again, err := s.Subscribe(t.Context(), "q")
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < accepted; {
		ds, err := again.Fetch(t.Context(), accepted)
		if err != nil {
			t.Fatal(err)
		}
		n += len(ds)
	}
}
