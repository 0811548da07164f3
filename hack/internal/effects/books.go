package effects

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"

	"github.com/weftmesh/weft/samples/order-processing/shop"
)

// Books are what an order mesh has filed on some orders, and what is left of
// its stock.
type Books struct {
	Orders map[string]shop.Decision // by order id
	Stock  map[string]shop.Stock    // by SKU
}

// Function is a document for the local/ of an order mesh under proof: it adds
// the function by which ReadBooks reads. root is the directory of the module.
func Function(root string) string {
	return fmt.Sprintf(`apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata:
  name: order-processing-mesh
  namespace: production
spec:
  functions:
    - name: books
      source: %q
      triggers: [{type: http, path: /books, methods: [POST]}]
      scaling: {minReplicas: 0}
`, filepath.Join(root, "hack", "internal", "books"))
}

// ReadBooks reads what is filed on the orders of these ids and the stock of
// these SKUs; gateway is the mesh's host:port.
func ReadBooks(ctx context.Context, gateway string, ids, skus []string) (Books, error) {
	b := Books{Orders: make(map[string]shop.Decision), Stock: make(map[string]shop.Stock)}
	for chunk := range slices.Chunk(ids, 1000) {
		if err := readKeys(ctx, gateway, "order/", chunk, b.Orders); err != nil {
			return b, err
		}
	}
	return b, readKeys(ctx, gateway, "stock/", skus, b.Stock)
}

func readKeys[T any](ctx context.Context, gateway, prefix string, names []string, into map[string]T) error {
	keys := make([]string, len(names))
	for i, n := range names {
		keys[i] = prefix + n
	}
	body, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+gateway+"/books", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("reading the books: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return fmt.Errorf("reading the books: %s: %s", resp.Status, text)
	}
	var values map[string]T
	if err := json.NewDecoder(resp.Body).Decode(&values); err != nil {
		return fmt.Errorf("reading the books: %w", err)
	}
	for key, v := range values {
		into[key[len(prefix):]] = v
	}
	return nil
}

// Balance holds the books to their rule: of each article exactly as many pieces
// are gone as the confirmed orders have, and those that the stock still holds
// for others. opening is the stock before the first order. Every order that has
// changed the stock must be among those that were read.
//
// It returns for which orders pieces are held though nothing is filed on them:
// those whose decision failed for good.
func (b Books) Balance(opening map[string]int) (stranded []string, err error) {
	sold := make(map[string]int)
	for id, d := range b.Orders {
		if d.OrderID != id {
			return nil, fmt.Errorf("what is filed on order %s is about order %s", id, d.OrderID)
		}
		if !d.Valid {
			continue
		}
		for _, c := range d.Checks {
			sold[c.SKU] += c.Requested
		}
	}
	for sku, before := range opening {
		s, known := b.Stock[sku]
		if !known {
			s.Available = before
		}
		held := 0
		for try, h := range s.Held {
			d, filed := b.Orders[h.OrderID]
			if filed && d.Sells(try) {
				continue // counted as sold
			}
			if held += h.Pieces; !filed {
				stranded = append(stranded, h.OrderID)
			}
		}
		if gone := before - s.Available; gone != sold[sku]+held {
			return nil, fmt.Errorf("%s: %d pieces are gone, %d are sold and %d held for others", sku, gone, sold[sku], held)
		}
	}
	return stranded, nil
}

// Check holds orders, stock and mail against each other, for a load of orders
// for one piece of an article each: there is no mail about an order on which
// nothing is filed, as many pieces are gone as orders are confirmed, and pieces
// are held for no more orders that are not decided than there are dead letters.
// ids are those of all orders that were sent.
func (b Books) Check(ids []string, box Mails, article string, dead int) error {
	for _, id := range ids {
		if _, filed := b.Orders[id]; !filed && box.About(id).Count > 0 {
			return fmt.Errorf("a mail about order %s, on which nothing is filed", id)
		}
	}
	stranded, err := b.Balance(map[string]int{article: shop.OpeningStock(article)})
	if err != nil {
		return err
	}
	if len(stranded) > dead {
		return fmt.Errorf("pieces are held for %d orders that are not decided, such as %s, and there are %d dead letters", len(stranded), stranded[0], dead)
	}
	return nil
}
