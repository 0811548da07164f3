package v1beta1

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// triggerField is a field of a trigger, and the types that it belongs to.
type triggerField struct {
	name  string
	set   bool
	types []TriggerType
	// required says that those types cannot do without it.
	required string
}

func (t *Trigger) fields() []triggerField {
	return []triggerField{
		{"port", t.Port != nil, []TriggerType{TriggerHTTP}, ""},
		{"path", t.Path != "", []TriggerType{TriggerHTTP, TriggerQueue, TriggerFile}, ""},
		{"methods", t.Methods != nil, []TriggerType{TriggerHTTP}, ""},
		{"hosts", t.Hosts != nil, []TriggerType{TriggerHTTP}, ""},
		{"events", t.Events, []TriggerType{TriggerHTTP}, ""},
		{"auth", t.Auth != nil, []TriggerType{TriggerHTTP, TriggerQueue}, ""},
		{"rateLimit", t.RateLimit != nil, []TriggerType{TriggerHTTP, TriggerQueue}, ""},
		{"schema", t.Schema != nil, []TriggerType{TriggerHTTP, TriggerQueue}, ""},
		{"schedule", t.Schedule != "", []TriggerType{TriggerCron}, `give a cron expression, such as "*/5 * * * *"`},
		{"timeZone", t.TimeZone != "", []TriggerType{TriggerCron}, ""},
		{"missed", t.Missed != "", []TriggerType{TriggerCron}, ""},
		{"component", t.Component != "", []TriggerType{TriggerPubSub, TriggerBinding}, ""},
		{"topic", t.Topic != "", []TriggerType{TriggerPubSub}, "name the topic"},
		{"connection", t.Connection != "", []TriggerType{TriggerPostgres}, "name the component of the database"},
		{"tables", len(t.Tables) > 0, []TriggerType{TriggerPostgres}, "name the tables, as schema.table"},
		{"operations", t.Operations != nil, []TriggerType{TriggerPostgres}, ""},
		{"slot", t.Slot != "", []TriggerType{TriggerPostgres}, ""},
		{"pattern", t.Pattern != "", []TriggerType{TriggerFile}, ""},
		{"service", t.Service != "", []TriggerType{TriggerRPC}, ""},
		{"function", t.Function != "", []TriggerType{TriggerRPC}, ""},
	}
}

func (t *Trigger) validate(path *field.Path) field.ErrorList {
	if t.Type == "" {
		return field.ErrorList{field.Required(path.Child("type"), "name what triggers: "+join(TriggerTypes))}
	}
	if !slices.Contains(TriggerTypes, t.Type) {
		return field.ErrorList{field.NotSupported(path.Child("type"), t.Type, TriggerTypes)}
	}
	var errs field.ErrorList
	for _, f := range t.fields() {
		switch mine := slices.Contains(f.types, t.Type); {
		case f.set && !mine:
			errs = append(errs, field.Forbidden(path.Child(f.name), fmt.Sprintf("belongs to triggers of type %s, not %s; remove it, or change the type", join(f.types), t.Type)))
		case !f.set && mine && f.required != "":
			errs = append(errs, field.Required(path.Child(f.name), f.required))
		}
	}
	switch t.Type {
	case TriggerHTTP, TriggerQueue:
		errs = append(errs, t.validateRoute(path)...)
	case TriggerCron:
		errs = append(errs, t.validateCron(path)...)
	case TriggerBinding:
		if t.Component == "" {
			errs = append(errs, field.Required(path.Child("component"), "name the input binding"))
		}
	case TriggerPostgres:
		errs = append(errs, validateNamesOf(path.Child("tables"), t.Tables)...)
		for i, op := range t.Operations {
			if all := []string{"insert", "update", "delete"}; !slices.Contains(all, op) {
				errs = append(errs, field.NotSupported(path.Child("operations").Index(i), op, all))
			}
		}
	case TriggerFile:
		if t.Path == "" {
			errs = append(errs, field.Required(path.Child("path"), "name the directory to watch"))
		}
	case TriggerRPC:
		for _, f := range []struct{ name, value string }{{"service", t.Service}, {"function", t.Function}} {
			if f.value != "" && !rpcName.MatchString(f.value) {
				errs = append(errs, field.Invalid(path.Child(f.name), f.value, "is not a name to call by: letters, digits, dashes and underscores"))
			}
		}
	}
	return errs
}

// rpcName is what fits one token of a NATS subject.
var rpcName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// method is a token of RFC 9110, in practice letters.
var method = regexp.MustCompile(`^[A-Za-z][A-Za-z-]*$`)

// host is a name, with *. before it for all below it, without a port.
var host = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

func (t *Trigger) validateRoute(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if t.Port != nil {
		errs = append(errs, between(path.Child("port"), *t.Port, 1, 65535)...)
		if slices.Contains(reservedPorts, *t.Port) {
			errs = append(errs, field.Invalid(path.Child("port"), *t.Port, fmt.Sprintf("is taken by Knative's queue-proxy, as are %s; choose another, such as 8080", join(reservedPorts))))
		}
	}
	if t.Path != "" {
		errs = append(errs, validateRoutePath(path.Child("path"), t.Path)...)
	}
	for i, m := range t.Methods {
		at := path.Child("methods").Index(i)
		switch {
		case !method.MatchString(m):
			errs = append(errs, field.Invalid(at, m, "is not a method; write it as POST"))
		case strings.EqualFold(m, http.MethodConnect):
			errs = append(errs, field.Invalid(at, m, "is for proxies"))
		case slices.IndexFunc(t.Methods, func(o string) bool { return strings.EqualFold(o, m) }) < i:
			errs = append(errs, field.Duplicate(at, m))
		}
	}
	for i, h := range t.Hosts {
		at := path.Child("hosts").Index(i)
		switch {
		case !host.MatchString(h):
			errs = append(errs, field.Invalid(at, h, "is not a host; write it as api.example.com or *.example.com, without a port"))
		case slices.IndexFunc(t.Hosts, func(o string) bool { return strings.EqualFold(o, h) }) < i:
			errs = append(errs, field.Duplicate(at, h))
		}
	}
	if t.Auth != nil {
		errs = append(errs, t.Auth.validate(path.Child("auth"))...)
	}
	if t.RateLimit != nil {
		errs = append(errs, t.RateLimit.validate(path.Child("rateLimit"))...)
	}
	if t.Schema != nil && len(t.Schema.Raw) > 0 && !slices.Contains([]string{"{", "t", "f"}, string(t.Schema.Raw[:1])) {
		errs = append(errs, field.Invalid(path.Child("schema"), string(t.Schema.Raw), "is not a JSON Schema: that is a map"))
	}
	return errs
}

var wildcard = regexp.MustCompile(`^\{[A-Za-z_][A-Za-z0-9_]*\}$`)

func validateRoutePath(path *field.Path, route string) field.ErrorList {
	if !strings.HasPrefix(route, "/") {
		return field.ErrorList{field.Invalid(path, route, "does not begin with /")}
	}
	if strings.ContainsAny(route, "?# \t\n") {
		return field.ErrorList{field.Invalid(path, route, "is not the path of a route; write it without ?, # and space")}
	}
	seen := make(map[string]bool)
	segments := strings.Split(route[1:], "/")
	for i, s := range segments {
		switch {
		case s == "" && i < len(segments)-1 || s == "." || s == "..":
			return field.ErrorList{field.Invalid(path, route, fmt.Sprintf("has the segment %q, which no request has", s))}
		case strings.ContainsAny(s, "{}") && !wildcard.MatchString(s):
			return field.ErrorList{field.Invalid(path, route, fmt.Sprintf("has the segment %q; a wildcard is a whole segment, such as {id}", s))}
		case seen[s] && strings.HasPrefix(s, "{"):
			return field.ErrorList{field.Invalid(path, route, fmt.Sprintf("has %s twice", s))}
		}
		seen[s] = true
	}
	return nil
}

// validateRoutes reports routes, of whichever functions, that the gateway
// could not tell apart, and names that two functions are called by.
func (s *FunctionMeshSpec) validateRoutes(path *field.Path) field.ErrorList {
	type route struct {
		t  *Trigger
		at *field.Path
	}
	var errs field.ErrorList
	routes := make(map[string][]route)
	calls := make(map[string]*field.Path)
	for i := range s.Functions {
		for j := range s.Functions[i].Triggers {
			t, at := &s.Functions[i].Triggers[j], path.Index(i).Child("triggers").Index(j)
			switch t.Type {
			case TriggerHTTP, TriggerQueue:
				shape := regexp.MustCompile(`\{[^}/]*\}`).ReplaceAllString(t.Path, "{}")
				for _, other := range routes[shape] {
					if same(t.methods(), other.t.methods()) && same(t.Hosts, other.t.Hosts) {
						errs = append(errs, field.Invalid(at.Child("path"), t.Path, fmt.Sprintf("is also the route of %s, with a method and host in common; change the path, methods or hosts of one", other.at)))
						break
					}
				}
				routes[shape] = append(routes[shape], route{t, at})
			case TriggerRPC:
				name := t.Service + "." + t.Function
				if first, ok := calls[name]; ok {
					errs = append(errs, field.Invalid(at, name, fmt.Sprintf("is also the name of %s; choose another", first)))
					continue
				}
				calls[name] = at
			}
		}
	}
	return errs
}

// methods of the route; an event is put into a queue by POST only.
func (t *Trigger) methods() []string {
	if t.Type == TriggerQueue {
		return []string{http.MethodPost}
	}
	return t.Methods
}

// same says whether two sets of a route are equally special and overlap: a
// route for POST goes before one for all methods, so those two do not clash.
func same(a, b []string) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	return slices.ContainsFunc(a, func(x string) bool {
		return slices.ContainsFunc(b, func(y string) bool { return strings.EqualFold(x, y) })
	})
}

func (a *Auth) validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if a.JWT == nil && a.APIKey == nil && a.Allow == "" {
		errs = append(errs, field.Required(path, "declare jwt, apiKey or allow, or leave auth out"))
	}
	if j := a.JWT; j != nil {
		at := path.Child("jwt")
		if j.Issuer == "" && j.JWKS == "" && j.Secret == nil {
			errs = append(errs, field.Required(at, "name the issuer, the jwks or the secret that tokens are checked with"))
		}
		if j.Secret != nil && j.JWKS != "" {
			errs = append(errs, field.Forbidden(at.Child("secret"), "stands beside jwks; keep one of them"))
		}
		if j.Issuer != "" && j.JWKS == "" && j.Secret == nil {
			errs = append(errs, httpURL(at.Child("issuer"), j.Issuer)...)
		}
		if j.JWKS != "" {
			errs = append(errs, httpURL(at.Child("jwks"), j.JWKS)...)
		}
		if j.Secret != nil {
			errs = append(errs, validateKeyRef(at.Child("secret"), j.Secret.Name, j.Secret.Key)...)
		}
		all := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"}
		for i, alg := range j.Algorithms {
			switch {
			case !slices.Contains(all, alg):
				errs = append(errs, field.NotSupported(at.Child("algorithms").Index(i), alg, all))
			case strings.HasPrefix(alg, "HS") != (j.Secret != nil):
				// Accepting HS256 beside public keys lets anyone sign with them.
				errs = append(errs, field.Invalid(at.Child("algorithms").Index(i), alg, "does not go with the kind of key: HS… takes a secret, the others public keys"))
			}
		}
	}
	if k := a.APIKey; k != nil {
		if k.Header != "" && !headerName.MatchString(k.Header) {
			errs = append(errs, field.Invalid(path.Child("apiKey", "header"), k.Header, "is not a name of a header"))
		}
		if k.Secret.Name == "" {
			errs = append(errs, field.Required(path.Child("apiKey", "secret", "name"), "name the secret that holds the keys"))
		}
	}
	return errs
}

var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

func (r *RateLimit) validate(path *field.Path) field.ErrorList {
	errs := atLeast(path.Child("requests"), r.Requests, 1)
	if all := []string{"second", "minute", "hour"}; r.Per != "" && !slices.Contains(all, r.Per) {
		errs = append(errs, field.NotSupported(path.Child("per"), r.Per, all))
	}
	if all := []string{"caller", "route"}; r.By != "" && !slices.Contains(all, r.By) {
		errs = append(errs, field.NotSupported(path.Child("by"), r.By, all))
	}
	if r.Burst != nil && r.Requests >= 1 {
		errs = append(errs, atLeast(path.Child("burst"), *r.Burst, 1)...)
	}
	return errs
}

func (t *Trigger) validateCron(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if t.Schedule != "" {
		if err := checkSchedule(t.Schedule); err != nil {
			errs = append(errs, field.Invalid(path.Child("schedule"), t.Schedule, err.Error()))
		}
	}
	errs = append(errs, validateTimeZone(path.Child("timeZone"), t.TimeZone)...)
	if all := []string{"skip", "once"}; t.Missed != "" && !slices.Contains(all, t.Missed) {
		errs = append(errs, field.NotSupported(path.Child("missed"), t.Missed, all))
	}
	return errs
}

func validateTimeZone(path *field.Path, zone string) field.ErrorList {
	// A machine without a time zone database knows none; it cannot judge.
	_, err := time.LoadLocation(zone)
	if _, judge := time.LoadLocation("Europe/Berlin"); err != nil && judge == nil {
		return field.ErrorList{field.Invalid(path, zone, "is not a time zone; write it as Europe/Berlin")}
	}
	return nil
}

func join[T any](values []T) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = fmt.Sprint(v)
	}
	return strings.Join(parts, ", ")
}
