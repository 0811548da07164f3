package contract

import (
	"flag"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

var update = flag.Bool("update", false, "write the contract's facts anew from what the target answers")

// testCase is one subject. Its calls come in an order that it chooses; topics,
// keys and paths are its own.
type testCase struct {
	reason string
	run    func(s *session)
}

// cases by name.
func cases() map[string]testCase {
	all := make(map[string]testCase)
	for prefix, group := range map[string]map[string]testCase{
		"state/memory": stateCases("memory"), "state/sqlite": stateCases("sqlite"), "state": storeCases,
		"publish": publishCases, "subscribe": subscribeCases, "stream": streamCases, "bindings": bindingCases,
		"secrets": secretCases, "invoke": invokeCases, "about": aboutCases, "unserved": unservedCases, "sdk": sdkCases,
	} {
		for name, c := range group {
			all[prefix+"/"+name] = c
		}
	}
	return all
}

// Run makes all calls against a target and compares the answers with daprd's.
// ours says that the target is ours, so that Differences hold.
func Run(t *testing.T, target Target, ours bool) {
	app := startApp(t)
	setup := lay(t, app)
	at := target.Start(t, setup)
	conn, err := grpc.NewClient(at.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20), grpc.MaxCallSendMsgSize(16<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })

	all := cases()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			t.Log(all[name].reason)
			s := &session{t: t, ctx: t.Context(), app: app, at: at, dir: setup.Dir, conn: conn}
			s.words.literal = strings.NewReplacer(setup.Dir, "<dir>", app.Host(), "<app>", `"port":`+app.Port(), `"port":0`, at.HTTP, "<api>", at.Token, "<token>")
			all[name].run(s)
			switch {
			case !*update:
				compare(t, name, s.steps, ours)
			case ours:
				kept := make(map[int]step)
				for i, st := range s.steps {
					if _, ok := differs(name, i); ok {
						kept[i] = st
					}
				}
				save(t, factFile(name, "ours"), kept, len(s.steps))
			default:
				kept := make(map[int]step)
				for i, st := range s.steps {
					kept[i] = st
				}
				save(t, factFile(name, ""), kept, len(s.steps))
			}
		})
	}
}
