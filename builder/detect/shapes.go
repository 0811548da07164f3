package detect

// Types that handlers take and return.
const (
	tWriter  = "net/http.ResponseWriter"
	tRequest = "*net/http.Request"
	tContext = "context.Context"
	tEvent   = sdkEvent + ".Event"
	tError   = "error"
)

func sig(params []string, results ...string) signature { return signature{params, results} }

func types(names ...string) []string { return names }

// httpForm is that of a handler of requests.
var httpForm = sig(types(tWriter, tRequest))

// eventForms are the forms of a CloudEvents handler that Knative func takes,
// in the order in which its runtime lists them.
var eventForms = []signature{
	sig(nil),
	sig(nil, tError),
	sig(types(tContext)),
	sig(types(tContext), tError),
	sig(types(tEvent)),
	sig(types(tEvent), tError),
	sig(types(tContext, tEvent)),
	sig(types(tContext, tEvent), tError),
	sig(types(tEvent), "*"+tEvent),
	sig(types(tEvent), "*"+tEvent, tError),
	sig(types(tContext, tEvent), "*"+tEvent),
	sig(types(tContext, tEvent), "*"+tEvent, tError),
}

// contextForm is OpenFunction's.
var contextForm = sig(types(ofctx+".Context", "[]byte"), ofctx+".Out", tError)

// cloudEventForm is the one that frameworks with a registry take.
var cloudEventForm = sig(types(tContext, tEvent), tError)

// hooks are the methods that an instance may have beside Handle.
var hooks = map[string]signature{
	"Start": sig(types(tContext, "map[string]string"), tError),
	"Stop":  sig(types(tContext), tError),
	"Ready": sig(types(tContext), "bool", tError),
	"Alive": sig(types(tContext), "bool", tError),
}

// hookNames is their order.
var hookNames = []string{"Start", "Stop", "Ready", "Alive"}

// formOf is the form of a func handler, empty if it has none.
func formOf(s signature) Form {
	if s.equal(httpForm) {
		return HTTP
	}
	for _, f := range eventForms {
		if s.equal(f) {
			return CloudEvent
		}
	}
	return ""
}

// funcForms are all that a func handler may be.
var funcForms = append([]signature{httpForm}, eventForms...)
