package scalers_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/internal/kinds"
	"github.com/weftmesh/weft/scalers"
)

func TestPush(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		pushed scalers.Pushed
		want   map[string]string
	}{
		"one": {
			reason: "a function is woken by the first event of its own queue",
			pushed: scalers.Pushed{Queues: []scalers.Watched{{Queue: "notify-user", Target: 7}}},
			want:   map[string]string{"scalerAddress": "orders-front.shop.svc:8082", "queues": "notify-user=7", "activation": "0"},
		},
		"several": {
			reason: "dispatchers have one trigger for all queues, and are woken by a backlog",
			pushed: scalers.Pushed{Queues: []scalers.Watched{{Queue: "a", Target: 100}, {Queue: "b", Target: 20}}, Activation: 1},
			want:   map[string]string{"scalerAddress": "orders-front.shop.svc:8082", "queues": "a=100,b=20", "activation": "1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := scalers.Push("orders-front.shop.svc:8082", tc.pushed)
			if diff := cmp.Diff(kinds.Trigger{Type: "external-push", Metadata: tc.want}, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			back, err := scalers.ParsePush(got.Metadata)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.pushed, back); diff != "" {
				t.Errorf("what is written is read back: -want +got:\n%s", diff)
			}
		})
	}
}

func TestParsePushRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		reason   string
		metadata map[string]string
		want     string
	}{
		"none":       {"there must be a queue", nil, `metadata queues: "" is not QUEUE=EVENTS, with one event or more for a replica`},
		"no target":  {"a replica needs a number of events", map[string]string{"queues": "a=1,b"}, `metadata queues: "b" is not QUEUE=EVENTS, with one event or more for a replica`},
		"zero":       {"nothing is divided by zero", map[string]string{"queues": "a=0"}, `metadata queues: "a=0" is not QUEUE=EVENTS, with one event or more for a replica`},
		"twice":      {"each is counted and watched once", map[string]string{"queues": "a=1,b=2,a=1"}, `metadata queues: a is there twice`},
		"activation": {"a number of replicas", map[string]string{"queues": "a=1", "activation": "-1"}, `metadata activation: "-1" is no number of replicas`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := scalers.ParsePush(tc.metadata)
			if err == nil || err.Error() != tc.want {
				t.Errorf("%s: got %v, want %s", tc.reason, err, tc.want)
			}
		})
	}
}

func FuzzParsePush(f *testing.F) {
	f.Add("a=1,b=20", "1")
	f.Add("=,,a==", "x")
	f.Fuzz(func(t *testing.T, queues, activation string) {
		p, err := scalers.ParsePush(map[string]string{"queues": queues, "activation": activation})
		if err != nil {
			return
		}
		again, err := scalers.ParsePush(scalers.Push("front:1", p).Metadata)
		if err != nil {
			t.Fatalf("%q, %q: what is written of it is refused: %v", queues, activation, err)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Fatalf("%q, %q: -first +second:\n%s", queues, activation, diff)
		}
	})
}
