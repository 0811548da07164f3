package gateway

import (
	"cmp"
	"errors"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"

	"github.com/weftmesh/weft/internal/contract"
)

// upgrade hands over a connection that changes its protocol, such as to
// WebSocket. It has no timeout, and nothing is routed from it.
func (c *call) upgrade() {
	ep, ok := c.acquire()
	if !ok {
		if c.abort {
			panic(http.ErrAbortHandler)
		}
		return
	}
	broken := false
	defer func() { ep.Release(broken) }()
	base, err := url.Parse(ep.URL)
	if err != nil {
		problem(c.w, http.StatusBadGateway, c.e.f.Name+" has no usable address", "")
		return
	}
	c.begin(ep)
	c.endTimer()
	header := c.header()
	status := 0
	var failure error
	proxy := &httputil.ReverseProxy{
		Transport: ep.Transport,
		ErrorLog:  log.New(discard{}, "", 0), // failures are in the call's record
		Rewrite: func(p *httputil.ProxyRequest) {
			connection, upgrade := p.Out.Header["Connection"], p.Out.Header["Upgrade"]
			p.Out.Header = header
			p.Out.Header["Connection"], p.Out.Header["Upgrade"] = connection, upgrade
			p.Out.URL.Scheme, p.Out.URL.Host = base.Scheme, base.Host
			p.Out.Host = cmp.Or(ep.Host, c.r.Host)
		},
		ModifyResponse: func(resp *http.Response) error {
			status = resp.StatusCode
			resp.Header.Del(contract.HeaderEmitted)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			failure, broken = err, c.ctx.Err() == nil
			problem(w, http.StatusBadGateway, c.e.f.Name+" did not take the connection", "its log says why: weft logs --function "+c.e.f.Name)
		},
	}
	defer func() {
		if failure == nil && status >= http.StatusInternalServerError {
			failure = errors.New(http.StatusText(status))
		}
		c.end(status, failure)
	}()
	if ep.Transport == nil {
		proxy.Transport = defaultTransport()
	}
	proxy.ServeHTTP(c.w, c.r.WithContext(c.ctx))
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
