package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// ErrStopped means that a second signal ended the drain.
var ErrStopped = errors.New("stopped before the drain was done")

// Run runs the mesh of opts.File until ctx ends or the admin API stops it.
// Then it takes no more traffic, lets the calls under way finish, stops the
// functions and returns nil; a signal meanwhile cuts that short (ErrStopped).
// Errors before that say what is wrong with file, flags, data directory or
// functions.
func Run(ctx context.Context, opts Options) error {
	opts = opts.withDefaults()
	e, err := newEngine(opts)
	if err != nil {
		return err
	}
	defer e.console.Close()
	collectEarly()
	if err := e.start(ctx); err != nil {
		stopErr := e.stop()
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return stopErr // interrupted while it started
		}
		return errors.Join(err, stopErr)
	}
	select {
	case <-ctx.Done():
		e.say("stopping: calls under way may finish (Ctrl-C again to stop at once)")
	case <-e.stopAsked:
		e.say("stopping: asked to by the admin API")
	case err = <-e.failed:
		e.say("stopping: %s", err)
	}
	return errors.Join(err, e.stop())
}

// stop drains and ends everything that start began, as far as it came.
func (e *engine) stop() (err error) {
	defer func() {
		e.stopErr = err
		close(e.stopped)
		// The admin server goes last: who asked to stop waits for an answer.
		e.ready.Store(false)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		shutdown(ctx, e.adminServer)
		err = errors.Join(err, e.close())
	}()
	e.ready.Store(false)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	cut := make(chan struct{})
	go func() {
		select {
		case <-signals:
			close(cut)
			cancel()
		case <-ctx.Done():
		}
	}()
	e.drain(ctx)
	if e.delete.Load() {
		err = e.removeQueues(context.WithoutCancel(ctx))
	}
	select {
	case <-cut:
		return errors.Join(err, ErrStopped)
	default:
		return err
	}
}

// drain takes no more traffic, lets the calls under way finish, and ends the
// functions; all at once when ctx ends.
func (e *engine) drain(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	if e.builds != nil {
		e.builds.cancel()
	}
	// The gateway first: what it has accepted may still be routed.
	if e.ready.CompareAndSwap(true, false) || e.gatewayServer != nil {
		shutdown(limited, e.gatewayServer)
	}
	if g := e.current.Load(); g != nil {
		g.drain(limited)
		if err := g.manager.Stop(limited); err != nil && ctx.Err() == nil {
			e.log.Warn("functions did not end by themselves", "error", err.Error())
		}
	}
	e.retiring.Wait()
	// Functions may emit until they are gone.
	shutdown(limited, e.sinkServer)
	e.stopDapr(limited)
}

// askStop stops the engine, as a signal would.
func (e *engine) askStop(remove bool) {
	e.stopOnce.Do(func() {
		e.delete.Store(remove)
		close(e.stopAsked)
	})
}

// removeQueues forgets the mesh's events.
func (e *engine) removeQueues(ctx context.Context) error {
	if e.broker == nil {
		return nil
	}
	if err := e.broker.Remove(ctx); err != nil {
		return fmt.Errorf("removing the queues: %w", err)
	}
	return nil
}

// sweep removes what the server put aside to delete and had no time for.
func (e *engine) sweep() error {
	if !e.delete.Load() {
		return nil
	}
	dirs, err := filepath.Glob(filepath.Join(e.data.file(dirJetStream), "*", "*", "streams", ".WEFT_*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}
