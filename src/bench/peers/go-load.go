// A load as users of go-dqlite write it: database/sql over the dqlite driver, a goroutine for each connection, closed loop.
// usage: go-load ADDRESS,... DATABASE WORK CONNECTIONS SECONDS WARM_UP ROWS
// WORK: insert (one row by a prepared statement), select (one row by key, of ROWS).
// Prints one line of JSON; latencies in microseconds. What the driver gives up as busy is sent again at once and counted.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/canonical/go-dqlite/client"
	"github.com/canonical/go-dqlite/driver"
)

const body = "thirty-one characters of a body"

type result struct {
	latencies []float64
	last      time.Time
	busy      int
	err       error
}

func main() {
	if len(os.Args) != 8 {
		fatal(errors.New("usage: go-load ADDRESSES DATABASE WORK CONNECTIONS SECONDS WARM_UP ROWS"))
	}
	store := client.NewInmemNodeStore()
	var nodes []client.NodeInfo
	for i, address := range strings.Split(os.Args[1], ",") {
		nodes = append(nodes, client.NodeInfo{ID: uint64(i + 1), Address: address})
	}
	check(store.Set(context.Background(), nodes))
	dqlite, err := driver.New(store)
	check(err)
	sql.Register("dqlite", dqlite)
	db, err := sql.Open("dqlite", os.Args[2])
	check(err)
	work, connections, rows := os.Args[3], int(number(4)), int(number(7))
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)

	begins := time.Now().Add(time.Duration(number(6) * 1e9))
	ends := begins.Add(time.Duration(number(5) * 1e9))
	results := make([]result, connections)
	var group sync.WaitGroup
	for i := range results {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			results[i] = oneClient(db, work, rows, begins, ends, int64(i))
		}(i)
	}
	group.Wait()
	report(results, begins)
}

// oneClient is one client: a connection and a statement of its own.
func oneClient(db *sql.DB, work string, rows int, begins, ends time.Time, seed int64) (r result) {
	ctx := context.Background()
	r.last = begins
	conn, err := db.Conn(ctx)
	if err != nil {
		r.err = err
		return
	}
	defer conn.Close()
	text := "INSERT INTO item(owner, body) VALUES (?, ?)"
	if work == "select" {
		text = "SELECT owner, body FROM item WHERE id = ?"
	}
	statement, err := conn.PrepareContext(ctx, text)
	if err != nil {
		r.err = err
		return
	}
	defer statement.Close()
	random := rand.New(rand.NewSource(seed + time.Now().UnixNano()))
	for owner := 1; ; owner++ {
		started := time.Now()
		if !started.Before(ends) {
			return
		}
		for {
			err = nil
			if work == "select" {
				var o int
				var b string
				err = statement.QueryRowContext(ctx, 1+random.Intn(rows)).Scan(&o, &b)
			} else {
				_, err = statement.ExecContext(ctx, owner, body)
			}
			var refused driver.Error
			if err == nil || !errors.As(err, &refused) || refused.Code&255 != 5 || !time.Now().Before(ends) {
				break
			}
			r.busy++
		}
		now := time.Now()
		if err != nil && now.Before(ends) {
			r.err = err
			return
		}
		if err == nil && !now.Before(begins) && now.Before(ends) {
			r.latencies = append(r.latencies, float64(now.Sub(started).Nanoseconds())/1e3)
			r.last = now
		}
	}
}

func report(results []result, begins time.Time) {
	var all []float64
	busy := 0
	last := begins
	for _, r := range results {
		check(r.err)
		all = append(all, r.latencies...)
		busy += r.busy
		if r.last.After(last) {
			last = r.last
		}
	}
	sort.Float64s(all)
	at := func(share float64) float64 {
		if len(all) == 0 {
			return 0
		}
		return all[int(share*float64(len(all)-1))]
	}
	text, err := json.Marshal(map[string]float64{
		"operations": float64(len(all)), "seconds": last.Sub(begins).Seconds(), "busy": float64(busy), "failures": 0,
		"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p999": at(0.999), "max": at(1),
	})
	check(err)
	fmt.Println(string(text))
}

func number(i int) float64 {
	value, err := strconv.ParseFloat(os.Args[i], 64)
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fatal(err)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "go-load:", err)
	os.Exit(1)
}
