// A program as users of go-dqlite write it: database/sql over the dqlite driver.
// usage: go-driver SERVER,SERVER,... DATABASE TEST
package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/canonical/go-dqlite/client"
	"github.com/canonical/go-dqlite/driver"
)

func main() {
	if len(os.Args) != 4 {
		fatal("usage: go-driver SERVERS DATABASE TEST")
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
	defer db.Close()

	tests := map[string]func(*sql.DB){
		"types": types, "transactions": transactions, "large": large, "prepared": prepared, "failover": failover,
	}
	test, found := tests[os.Args[3]]
	if !found {
		fatal("no such test: " + os.Args[3])
	}
	test(db)
	fmt.Println("ok")
}

// types writes and reads every kind of value.
func types(db *sql.DB) {
	exec(db, "CREATE TABLE types (i INTEGER, f FLOAT, t TEXT, b BLOB, d DATETIME, o BOOLEAN, n INTEGER)")
	now := time.Date(2024, 1, 20, 3, 4, 5, 0, time.UTC)
	exec(db, "INSERT INTO types VALUES (?, ?, ?, ?, ?, ?, ?)",
		int64(-9223372036854775808), 1.5, "héllo", []byte{1, 2, 3}, now, true, nil)
	var i int64
	var f float64
	var t string
	var b []byte
	var d time.Time
	var o bool
	var n sql.NullInt64
	check(db.QueryRow("SELECT i, f, t, b, d, o, n FROM types").Scan(&i, &f, &t, &b, &d, &o, &n))
	expect(i == -9223372036854775808 && f == 1.5 && t == "héllo" && len(b) == 3 && b[2] == 3, "values", i, f, t, b)
	expect(d.Equal(now) && o && !n.Valid, "typed columns", d, o, n)
	_, err := db.Exec("INSERT INTO nowhere VALUES (1)")
	expect(err != nil && strings.Contains(err.Error(), "no such table"), "an error", err)
	result, err := db.Exec("UPDATE types SET f = 2.5")
	check(err)
	rows, err := result.RowsAffected()
	check(err)
	expect(rows == 1, "rows affected", rows)
}

// transactions runs BEGIN; SELECT; UPDATE; COMMIT under eight concurrent writers; nothing may be lost.
func transactions(db *sql.DB) {
	exec(db, "CREATE TABLE counter (n INTEGER)")
	exec(db, "INSERT INTO counter VALUES (0)")
	const writers, rounds = 8, 20
	var group sync.WaitGroup
	for w := 0; w < writers; w++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for done := 0; done < rounds; {
				if increment(db) == nil {
					done++
				}
			}
		}()
	}
	group.Wait()
	var n int
	check(db.QueryRow("SELECT n FROM counter").Scan(&n))
	expect(n == writers*rounds, "every increment counted once", n)
}

func increment(db *sql.DB) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	var n int
	if err := tx.QueryRow("SELECT n FROM counter").Scan(&n); err != nil {
		tx.Rollback()
		return err
	}
	if _, err := tx.Exec("UPDATE counter SET n = ?", n+1); err != nil {
		tx.Rollback()
		return err
	}
	return tx.Commit()
}

// large reads a result of many batches, and closes another one early.
func large(db *sql.DB) {
	exec(db, "CREATE TABLE big (id INTEGER PRIMARY KEY, v TEXT)")
	exec(db, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 50000) INSERT INTO big SELECT x, 'row ' || x FROM c")
	for round := 0; round < 2; round++ {
		rows, err := db.Query("SELECT id, v FROM big ORDER BY id")
		check(err)
		count := 0
		for rows.Next() {
			var id int
			var v string
			check(rows.Scan(&id, &v))
			count++
			expect(id == count && v == fmt.Sprintf("row %d", id), "row", id, v)
			if round == 0 && count == 5000 {
				break
			}
		}
		check(rows.Close())
		expect(count == 5000 || count == 50000, "rows", count)
	}
}

// prepared reuses statements, with more than 255 parameters once.
func prepared(db *sql.DB) {
	exec(db, "CREATE TABLE prepared (id INTEGER PRIMARY KEY, v TEXT)")
	insert, err := db.Prepare("INSERT INTO prepared (v) VALUES (?)")
	check(err)
	for i := 0; i < 100; i++ {
		result, err := insert.Exec(fmt.Sprintf("v%d", i))
		check(err)
		id, err := result.LastInsertId()
		check(err)
		expect(id == int64(i+1), "last insert id", id)
	}
	check(insert.Close())
	query, err := db.Prepare("SELECT v FROM prepared WHERE id = ?")
	check(err)
	for i := 0; i < 100; i++ {
		var v string
		check(query.QueryRow(i + 1).Scan(&v))
		expect(v == fmt.Sprintf("v%d", i), "value", v)
	}
	check(query.Close())
}

// failover inserts one row after another; the caller kills the leader meanwhile. Retries only what failed.
func failover(db *sql.DB) {
	exec(db, "CREATE TABLE IF NOT EXISTS failover (id INTEGER PRIMARY KEY)")
	deadline := time.Now().Add(20 * time.Second)
	failures := 0
	for id := 1; id <= 2000; {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, err := db.ExecContext(ctx, "INSERT OR IGNORE INTO failover VALUES (?)", id)
		cancel()
		if err != nil {
			failures++
			expect(time.Now().Before(deadline), "the cluster serves again", err)
			continue
		}
		if id == 200 {
			fmt.Println("kill the leader now")
		}
		id++
	}
	var count int
	check(db.QueryRow("SELECT count(*) FROM failover").Scan(&count))
	expect(count == 2000, "rows after the failover", count)
	fmt.Println("failures seen:", failures)
}

func exec(db *sql.DB, text string, args ...interface{}) {
	_, err := db.Exec(text, args...)
	check(err)
}

func check(err error) {
	if err != nil {
		fatal(err)
	}
}

func expect(holds bool, what string, values ...interface{}) {
	if !holds {
		fatal(what, values)
	}
}

func fatal(values ...interface{}) {
	fmt.Println(append([]interface{}{"failed:"}, values...)...)
	os.Exit(1)
}
