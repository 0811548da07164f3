package contract

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Difference is one in which ours answers otherwise than daprd on purpose.
// docs/dapr.md lists them, by their names.
type Difference struct {
	Name, Reason string
	// steps are those that differ: the case and its steps, counted from one, as
	// "state/prefix 1 3", or all of them as "unserved/grpc *". What ours answers
	// to them is in facts/<case>.ours.txt.
	steps []string
	// hints are texts that ours adds to daprd's, in whichever case.
	hints []*regexp.Regexp
}

// Differences are all that are known.
var Differences = []Difference{
	{
		Name:   "Errors say what to do",
		Reason: "where a component, a function, a token or a limit stands in the way, what mends it follows daprd's text.",
		hints: []*regexp.Regexp{
			regexp.MustCompile(` ?: declare it among the components of the mesh(, with scopes that do not leave the function out| and in (state|bindings) of the function app)`),
			regexp.MustCompile(`: function app sees no pub/sub component of that name; declare one, and name the function in its scopes if it has any`),
			regexp.MustCompile(`: the mesh contract has no such function`),
			regexp.MustCompile(`: send as dapr-api-token what the function has as DAPR_API_TOKEN in its environment; weft env FUNCTION prints it`),
			regexp.MustCompile(`: the limit is \d+ bytes`),
		},
	},
	{
		Name:   "Keys begin with the mesh's name",
		Reason: "a store without keyPrefix is shared by the functions of a mesh, where daprd keeps one for each app id. With keyPrefix both do the same.",
		steps:  []string{"state/prefix 13"},
	},
	{
		Name:   "Topics of links are closed",
		Reason: "topics that begin with `weft.` carry the links of the mesh, and publishing to them is forbidden (403, PermissionDenied).",
		steps:  []string{"publish/links 1 2"},
	},
	{
		Name:   "APIs that are not served say so",
		Reason: "actors, workflows, jobs, configuration, locks, cryptography and conversations answer 501 and Unimplemented, with another way out, where a daprd without what they need has an error for each.",
		steps:  []string{"unserved/grpc *", "unserved/http *"},
	},
	{
		Name:   "Metadata is about what is served",
		Reason: "the version is Weft's; no actors, no features of daprd, no port of the application, which may have several replicas or none; instead how many requests a function takes at a time. Subscriptions to a component that the function does not see are not in force, so not listed.",
		steps:  []string{"about/metadata 2 3 4 5 6 7 8 16 17 18 19 20 21 22 28 29 30 31 32 33 34 38"},
	},
	{
		Name:   "Streams that cannot begin have a code",
		Reason: "InvalidArgument, or PermissionDenied where the topic is not allowed, in place of Unknown.",
		steps:  []string{"stream/refused 2 3 4 5"},
	},
	{
		Name:   "Invoking over gRPC needs no verb",
		Reason: "functions are HTTP servers; a request without HTTP extension is a POST. An app id that cannot be one is told as one that is not there.",
		steps:  []string{"invoke/grpc 8 10 11", "invoke/unknown 2"},
	},
	{
		Name:   "Details of errors are complete",
		Reason: "a transaction's illegal key and a query's unknown store are told as the other operations tell them.",
		steps:  []string{"state/memory/transaction 12", "state/sqlite/transaction 12", "state/query 3"},
	},
	{
		Name:   "The application is told its app id",
		Reason: "each request that asks it something (subscriptions, input bindings) carries Dapr-App-Id, not only the first.",
		steps:  []string{"bindings/input 1"},
	},
	{
		Name:   "In bulk, what no rule matches is dropped",
		Reason: "as it is one by one; daprd posts it to `/`.",
		steps:  []string{"subscribe/bulk-rules 4"},
	},
}

// differs finds the name of the difference to which a step belongs, counted from
// zero.
func differs(name string, n int) (string, bool) {
	for _, d := range Differences {
		for _, s := range d.steps {
			fields := strings.Fields(s)
			if fields[0] == name && (slices.Contains(fields[1:], "*") || slices.Contains(fields[1:], strconv.Itoa(n+1))) {
				return d.Name, true
			}
		}
	}
	return "", false
}

// plain takes the hints out of what ours answers.
func plain(s string) string {
	for _, d := range Differences {
		for _, hint := range d.hints {
			s = hint.ReplaceAllString(s, "")
		}
	}
	return s
}
