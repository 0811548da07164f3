package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// pathSubscribe is where an app tells what it subscribes to (Dapr's API
// towards apps).
const pathSubscribe = "/dapr/subscribe"

// maxAsking bounds how many functions are asked at once: each may have to start.
const maxAsking = 4

// How often, and how far apart, a function that does not answer is asked.
const (
	askTries = 4
	askPause = time.Second

	firstAskAgain = 5 * time.Second
	lastAskAgain  = time.Minute
)

// askAll asks the functions, a few at a time, until ctx ends. One that does not
// answer is asked again later: it may only be slow to start.
func (m *Manager) askAll(ctx context.Context) {
	places := make(chan struct{}, maxAsking)
	var all sync.WaitGroup
	defer all.Wait()
	for _, mem := range m.members {
		if !mem.worthAsking() {
			continue
		}
		all.Go(func() {
			for pause := firstAskAgain; ; pause = min(2*pause, lastAskAgain) {
				select {
				case places <- struct{}{}:
				case <-ctx.Done():
					return
				}
				answered := mem.ask(ctx)
				<-places
				if answered {
					return
				}
				select {
				case <-time.After(pause):
				case <-ctx.Done():
					return
				}
			}
		})
	}
}

// ask asks the function what it wants, and puts that in force. Without an
// answer, what was in force stays.
func (mem *member) ask(ctx context.Context) (answered bool) {
	if !mem.worthAsking() {
		return true
	}
	mem.asking.Lock()
	defer mem.asking.Unlock()
	answered = true
	if mem.seesPubSub() {
		var wants []*want
		if wants, answered = mem.askTopics(ctx); answered {
			mem.apply(wants)
		}
	}
	return mem.askBindings(ctx) && answered
}

// worthAsking says whether an answer of the function could count.
func (mem *member) worthAsking() bool {
	return mem.seesPubSub() || slices.ContainsFunc(mem.f.Bindings, func(name string) bool {
		in := mem.m.inlets[name]
		return in != nil && !in.explicit
	})
}

func (mem *member) seesPubSub() bool {
	return slices.ContainsFunc(mem.f.PubSubs, func(name string) bool { return mem.m.pubsub(mem.f, name) != nil })
}

// askTopics asks for the function's own subscriptions. It is not ok if there was
// no answer to go by.
func (mem *member) askTopics(ctx context.Context) (wants []*want, ok bool) {
	a, err := mem.inquire(ctx, http.MethodGet, pathSubscribe)
	log := mem.m.log.With("function", mem.f.Name)
	switch {
	case err != nil:
		mem.silent(ctx, "the function did not tell what it subscribes to", err)
		return nil, false
	case a.status == http.StatusNotFound, a.status == http.StatusMethodNotAllowed, a.status == http.StatusNoContent:
		return nil, true
	case !a.ok():
		mem.tellMalformed(fmt.Sprintf("it answered %d", a.status))
		return nil, true
	}
	asked, err := parseSubscriptions(a.body)
	var wrong entryFaults
	switch {
	case errors.As(err, &wrong):
		if mem.newlyMalformed(err.Error()) {
			log.Warn("the function subscribes to nothing: a field of what GET "+pathSubscribe+" answers is of the wrong type", "error", err.Error())
		}
		return nil, true
	case err != nil:
		mem.tellMalformed(err.Error() + ": " + a.quote())
		return nil, true
	}
	for i, s := range asked {
		log := log.With("entry", fmt.Sprintf("[%d]", i))
		s.kind, s.from = typeProgrammatic, "GET "+pathSubscribe+" of "+mem.f.Name
		w, err := compile(s)
		if err != nil {
			log.Warn("not subscribed: what GET "+pathSubscribe+" answers is wrong", "pubsub", s.pubsub, "topic", s.topic, "error", err.Error())
			continue
		}
		if why := mem.m.refuses(mem.f, w); why != "" {
			log.Warn("not subscribed: "+why, "pubsub", s.pubsub, "topic", s.topic)
			continue
		}
		if slices.ContainsFunc(wants, func(o *want) bool { return o.key() == w.key() }) {
			log.Warn("not subscribed: GET "+pathSubscribe+" names the topic twice, the last counts", "pubsub", s.pubsub, "topic", s.topic)
			wants = slices.DeleteFunc(wants, func(o *want) bool { return o.key() == w.key() })
		}
		wants = append(wants, w.of(mem.f))
	}
	return wants, true
}

// silent tells, once in a while, that the function did not answer.
func (mem *member) silent(ctx context.Context, what string, err error) {
	if ctx.Err() != nil || errors.Is(err, errStopping) {
		return
	}
	if ok, _ := mem.told.now(); ok {
		mem.m.log.Warn(what+": it is asked again", "function", mem.f.Name, "error", err.Error())
	}
}

// inquire calls the function until it answers with something else than an
// error of its own, a few times.
func (mem *member) inquire(ctx context.Context, method, path string) (a answer, err error) {
	for try := 1; ; try++ {
		header := http.Header{"Content-Type": {"application/json"}, "Dapr-App-Id": {mem.f.Service}}
		a, err = mem.call(ctx, method, path, header, nil)
		if err == nil && a.status >= http.StatusInternalServerError {
			err = fmt.Errorf("%s %s was answered %d: %s", method, path, a.status, a.quote())
		}
		if err == nil || try == askTries {
			return a, err
		}
		select {
		case <-ctx.Done():
			return answer{}, ctx.Err()
		case <-mem.m.stopping:
			return answer{}, errStopping
		case <-time.After(askPause):
		}
	}
}

// tellMalformed logs once that an answer was no list of subscriptions: most
// likely the function answers every path.
func (mem *member) tellMalformed(why string) {
	if mem.newlyMalformed(why) {
		mem.m.log.Info("the function subscribes to nothing: its answer to GET "+pathSubscribe+" is no list of subscriptions",
			"function", mem.f.Name, "answer", why)
	}
}

// newlyMalformed says whether that is not what was wrong with the last answer.
func (mem *member) newlyMalformed(why string) bool {
	mem.mu.Lock()
	defer mem.mu.Unlock()
	known := mem.malformed == why
	mem.malformed = why
	return !known
}
