// Package item is what the functions under test pass on.
package item

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"
)

// Item goes along links.
type Item struct {
	ID string `json:"id"`
	// Count of events to make of it, and Milliseconds that each takes.
	Count        int `json:"count,omitempty"`
	Milliseconds int `json:"milliseconds,omitempty"`
}

// Work takes the item's time.
func (i Item) Work(ctx context.Context) error {
	select {
	case <-time.After(time.Duration(i.Milliseconds) * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Report tells the collector at COLLECTOR that kind happened for the item.
func Report(ctx context.Context, kind string, i Item) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv("COLLECTOR")+"/seen/"+kind+"/"+url.PathEscape(i.ID), nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the collector answered %s", resp.Status)
	}
	return nil
}
