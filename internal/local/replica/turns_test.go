package replica

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTurns(t *testing.T) {
	t.Run("one after the other", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			turns := make(turns, 1)
			if !turns.try() {
				t.Fatal("the first has to wait")
			}
			if turns.try() {
				t.Fatal("a second has its turn with the first")
			}
			began := time.Now()
			done := make(chan func())
			go func() { done <- turns.take(nil) }()
			time.Sleep(turnPatience / 2)
			turns.leave()
			leave := <-done
			if waited := time.Since(began); waited != turnPatience/2 {
				t.Errorf("waited %v, want until the first had left", waited)
			}
			leave()
			if !turns.try() {
				t.Error("its turn was not given back")
			}
		})
	})
	t.Run("a call waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			turns := make(turns, 1)
			turns.try()
			needed := make(chan struct{})
			close(needed)
			began := time.Now()
			turns.take(needed)()
			if waited := time.Since(began); waited != 0 {
				t.Errorf("waited %v although a call does", waited)
			}
			if len(turns) != 1 {
				t.Error("it gave back a turn that it did not have")
			}
		})
	})
	t.Run("a slow start holds up nobody for long", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			turns := make(turns, 1)
			turns.try()
			began := time.Now()
			turns.take(nil)()
			if waited := time.Since(began); waited != turnPatience {
				t.Errorf("waited %v, want %v", waited, turnPatience)
			}
		})
	})
}
