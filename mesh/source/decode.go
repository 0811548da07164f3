package source

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weftmesh/weft/mesh"
)

// decoder fills Go values from nodes as encoding/json would by their tags, but
// strictly, and goes on after a fault.
type decoder struct {
	problems mesh.Problems
	// faulty holds the paths whose value is not what the author wrote:
	// what later checks say about them would mislead.
	faulty map[string]bool
	// meant holds the paths that an unknown field was nearest to: that they
	// are missing is no news.
	meant map[string]bool
	// secret says that values are not to be told.
	secret bool
}

func (d *decoder) fault(at place, path, format string, args ...any) *mesh.Problem {
	if d.faulty == nil {
		d.faulty, d.meant = make(map[string]bool), make(map[string]bool)
	}
	d.faulty[path] = true
	d.problems = append(d.problems, mesh.Problem{
		File: at.file, Line: at.line, Column: at.column, Path: path, Message: fmt.Sprintf(format, args...),
	})
	return &d.problems[len(d.problems)-1]
}

var (
	durationType  = reflect.TypeFor[metav1.Duration]()
	quantityType  = reflect.TypeFor[resource.Quantity]()
	anyScalarType = reflect.TypeFor[anyScalar]()
	bytesType     = reflect.TypeFor[[]byte]()
)

// anyScalar takes text, numbers and booleans alike, and anything else as JSON:
// values of Dapr's component metadata.
type anyScalar string

func (d *decoder) decode(n *node, v reflect.Value, path string) {
	if n.kind == null {
		return
	}
	if v.Kind() == reflect.Pointer {
		fresh := reflect.New(v.Type().Elem())
		d.decode(n, fresh.Elem(), path)
		v.Set(fresh)
		return
	}
	switch v.Type() {
	case durationType:
		d.duration(n, v, path)
		return
	case quantityType:
		d.quantity(n, v, path)
		return
	case anyScalarType:
		v.SetString(n.value)
		if n.kind != scalar {
			text, _ := json.Marshal(n.plain())
			v.SetString(string(text))
		}
		return
	case bytesType:
		d.base64(n, v, path)
		return
	}
	if u, ok := v.Addr().Interface().(json.Unmarshaler); ok {
		text, err := json.Marshal(n.plain())
		if err == nil {
			err = u.UnmarshalJSON(text)
		}
		if err != nil {
			d.fault(n.at, path, "%v", err)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.mapping(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	default:
		d.scalar(n, v, path)
	}
}

func (d *decoder) structure(n *node, v reflect.Value, path string) {
	if n.kind != mapping {
		d.wrong(n, path, "a map of fields")
		return
	}
	fields := make(map[string]reflect.Value)
	fieldsOf(v, fields)
	for _, e := range n.entries {
		at := join(path, e.key)
		field, ok := fields[e.key]
		if ok {
			before := len(d.problems)
			d.decode(e.value, field, at)
			d.moveToKey(d.problems[before:], e, at)
			continue
		}
		names := make([]string, 0, len(fields))
		for name := range fields {
			names = append(names, name)
		}
		slices.Sort(names)
		p := d.fault(e.at, at, "unknown field %q", e.key)
		if near := mesh.Nearest(e.key, names); near != "" {
			p.Hint = fmt.Sprintf("did you mean %q?", near)
			d.meant[join(path, near)] = true
		} else {
			p.Hint = "the fields here are " + strings.Join(names, ", ")
		}
	}
}

// moveToKey gives faults of a field's own value the place of its key, as all
// other problems have it.
func (d *decoder) moveToKey(problems mesh.Problems, e entry, path string) {
	for i := range problems {
		if problems[i].Path == path {
			problems[i].File, problems[i].Line, problems[i].Column = e.at.file, e.at.line, e.at.column
		}
	}
}

// fieldsOf collects the fields of a struct by their JSON names, embedded ones
// included.
func fieldsOf(v reflect.Value, fields map[string]reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case name == "" && f.Anonymous || strings.Contains(opts, "inline"):
			fieldsOf(v.Field(i), fields)
		default:
			fields[name] = v.Field(i)
		}
	}
}

func (d *decoder) mapping(n *node, v reflect.Value, path string) {
	if n.kind != mapping {
		d.wrong(n, path, "a map")
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(n.entries))
	for _, e := range n.entries {
		at := fmt.Sprintf("%s[%s]", path, e.key)
		value := reflect.New(v.Type().Elem()).Elem()
		before := len(d.problems)
		d.decode(e.value, value, at)
		d.moveToKey(d.problems[before:], e, at)
		m.SetMapIndex(reflect.ValueOf(e.key).Convert(v.Type().Key()), value)
	}
	v.Set(m)
}

func (d *decoder) list(n *node, v reflect.Value, path string) {
	if n.kind != list {
		p := d.wrong(n, path, "a list")
		if n.kind == scalar {
			p.Hint = "write [" + n.value + "]"
		}
		return
	}
	s := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item.kind == null {
			d.fault(item.at, at, "the entry is empty")
			continue
		}
		d.decode(item, s.Index(i), at)
	}
	v.Set(s)
}

func (d *decoder) scalar(n *node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.String:
		if n.kind != scalar || n.tag != "!!str" && n.tag != "!!timestamp" && n.tag != "!!binary" {
			p := d.wrong(n, path, "text")
			if n.kind == scalar {
				p.Hint = d.quoted(n)
			}
			return
		}
		if n.bare && slices.Contains(oldBooleans, strings.ToLower(n.value)) {
			text := n.value
			if d.secret {
				text = d.told(n)
			}
			d.fault(n.at, path, "%s means true or false to Kubernetes, whose YAML is of version 1.1", text).Hint = d.quoted(n)
			return
		}
		v.SetString(n.value)
	case reflect.Bool:
		b, err := strconv.ParseBool(n.value)
		if n.tag != "!!bool" || err != nil {
			d.wrong(n, path, "true or false")
			return
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(strings.ReplaceAll(n.value, "_", ""), 0, 64)
		if n.tag != "!!int" || err != nil {
			p := d.wrong(n, path, "a whole number")
			p.Hint = "write it as 3"
			if _, err := strconv.Atoi(n.value); err == nil {
				p.Hint = "write " + n.value + ", without quotes"
			}
			return
		}
		if v.OverflowInt(i) {
			d.fault(n.at, path, "%s is too large a number", n.value)
			return
		}
		v.SetInt(i)
	default:
		d.fault(n.at, path, "cannot be set in a file")
	}
}

// oldBooleans were booleans in YAML 1.1 and are text in 1.2.
var oldBooleans = []string{"y", "n", "yes", "no", "on", "off"}

func (d *decoder) duration(n *node, v reflect.Value, path string) {
	got, err := time.ParseDuration(n.value)
	if n.kind == scalar && n.tag == "!!str" && err == nil {
		v.Set(reflect.ValueOf(metav1.Duration{Duration: got}))
		return
	}
	p := d.wrong(n, path, "a duration")
	p.Hint = "write it as 500ms, 30s, 5m or 1h30m"
	if _, err := strconv.ParseFloat(n.value, 64); n.kind == scalar && err == nil {
		p.Message = n.value + " has no unit"
		p.Hint = "write " + n.value + "s for seconds"
	}
}

func (d *decoder) quantity(n *node, v reflect.Value, path string) {
	q, err := resource.ParseQuantity(n.value)
	if n.kind != scalar || err != nil {
		d.wrong(n, path, "a quantity").Hint = "write it as 128Mi, 1Gi, 250m or 2"
		return
	}
	v.Set(reflect.ValueOf(q))
}

func (d *decoder) base64(n *node, v reflect.Value, path string) {
	// Kubernetes ignores line breaks in base64, which block scalars bring.
	raw, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\n", "", "\r", "", " ", "").Replace(n.value))
	if n.kind != scalar || err != nil {
		d.fault(n.at, path, "is not base64").Hint = "write it under stringData to give it as plain text"
		return
	}
	v.SetBytes(raw)
}

// wrong reports that a value is not what the field takes.
func (d *decoder) wrong(n *node, path, want string) *mesh.Problem {
	return d.fault(n.at, path, "%s is not %s", d.told(n), want)
}

// told is how a problem speaks of a value.
func (d *decoder) told(n *node) string {
	if d.secret && n.kind == scalar {
		return "the value"
	}
	return n.describe()
}

// quoted is the hint to make text of a value.
func (d *decoder) quoted(n *node) string {
	if d.secret {
		return "write it in quotes"
	}
	return fmt.Sprintf("write %q, in quotes", n.value)
}

func (n *node) describe() string {
	switch n.kind {
	case mapping:
		return "a map"
	case list:
		return "a list"
	case scalar:
		text := n.value
		if r := []rune(text); len(r) > 40 {
			text = string(r[:40]) + "…"
		}
		switch n.tag {
		case "!!int", "!!float":
			return "the number " + text
		case "!!bool":
			return text
		}
		return strconv.Quote(text)
	}
	return "nothing"
}

// plain gives a node as encoding/json would decode it.
func (n *node) plain() any {
	switch n.kind {
	case mapping:
		m := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			m[e.key] = e.value.plain()
		}
		return m
	case list:
		l := make([]any, len(n.items))
		for i, item := range n.items {
			l[i] = item.plain()
		}
		return l
	case scalar:
		switch n.tag {
		case "!!bool":
			if b, err := strconv.ParseBool(n.value); err == nil {
				return b
			}
		case "!!int":
			if i, err := strconv.ParseInt(strings.ReplaceAll(n.value, "_", ""), 0, 64); err == nil {
				return i
			}
		case "!!float":
			if json.Valid([]byte(n.value)) {
				return json.Number(n.value)
			}
		}
		return n.value
	}
	return nil
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
