package gateway

import (
	"net"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/weftmesh/weft/internal/contract"
)

// hopByHop are headers of one connection (RFC 9110, 7.6.1).
var hopByHop = map[string]bool{
	"Connection": true, "Proxy-Connection": true, "Keep-Alive": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true, "Proxy-Authenticate": true, "Proxy-Authorization": true,
}

// dropped says whether a request header from outside does not reach the
// function: those of the connection, what only an engine may say (ce-*,
// Weft-*), and what the gateway sets itself.
func dropped(name string) bool {
	switch name[0] {
	case 'C':
		return name == "Connection" || strings.HasPrefix(name, "Ce-")
	case 'W':
		return strings.HasPrefix(name, "Weft-")
	case 'X':
		return name == contract.HeaderTraceID || strings.HasPrefix(name, "X-Forwarded-")
	case 'T':
		return name == contract.HeaderTraceParent || name == contract.HeaderTraceState || hopByHop[name]
	case 'E':
		return name == "Expect"
	case 'F':
		return name == "Forwarded"
	case 'K', 'P', 'U':
		return hopByHop[name]
	}
	return false
}

// ofEvent says whether a header is an attribute of an event, but for those that
// only an engine may set.
func ofEvent(name string) bool {
	return strings.HasPrefix(name, "Ce-") && !strings.HasPrefix(name, "Ce-Weft")
}

// header makes the headers of the call. Values are shared with the request:
// nobody changes them.
func (c *call) header() http.Header {
	in := c.r.Header
	h := make(http.Header, len(in)+8)
	for name, values := range in {
		if name != "" && (!dropped(name) || c.e.events && ofEvent(name)) {
			h[name] = values
		}
	}
	dropListed(h, in["Connection"])
	if _, ok := in["User-Agent"]; !ok {
		h["User-Agent"] = []string{""} // else the transport writes its own
	}
	if c.e.linked && routes(c.r.Method) {
		// The answer may be an output, which must be read.
		delete(h, "Accept-Encoding")
	}
	client, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		client = c.r.RemoteAddr
	}
	proto := "http"
	if c.r.TLS != nil {
		proto = "https"
	}
	v := []string{c.id, c.trace.parent, c.trace.trace, client, c.r.Host, proto, c.trace.state}
	h[contract.HeaderEventID] = v[0:1:1]
	h[contract.HeaderTraceParent] = v[1:2:2]
	h[contract.HeaderTraceID] = v[2:3:3]
	h["X-Forwarded-For"] = v[3:4:4]
	h["X-Forwarded-Host"] = v[4:5:5]
	h["X-Forwarded-Proto"] = v[5:6:6]
	if c.trace.state != "" {
		h[contract.HeaderTraceState] = v[6:7:7]
	}
	return h
}

// dropListed removes the headers that Connection names.
func dropListed(h http.Header, connection []string) {
	for _, list := range connection {
		for name := range strings.SplitSeq(list, ",") {
			if name = textproto.TrimString(name); name != "" {
				h.Del(name)
			}
		}
	}
}

// copyAnswer copies the headers of an answer, but for those of the connection
// and those between host and engine.
func copyAnswer(to, from http.Header) {
	for name, values := range from {
		if name == "" || hopByHop[name] || strings.HasPrefix(name, "Weft-") {
			continue
		}
		to[name] = values
	}
	dropListed(to, from["Connection"])
}

func isUpgrade(h http.Header) bool {
	if len(h["Upgrade"]) == 0 {
		return false
	}
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(textproto.TrimString(name), "upgrade") {
				return true
			}
		}
	}
	return false
}
