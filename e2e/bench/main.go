//go:build linux

// Command bench measures mesh-host beside a bare WebSocket server and prints a
// table; scripts/bench builds what it needs and runs it. docs/BENCHMARKS.md
// says how to read the figures.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// The parts of a run.
const (
	caseEcho        = "echo"
	caseSpin        = "spin"
	caseMemory      = "memory"
	caseGuest       = "guest"
	caseFan         = "fan"
	caseChurn       = "churn"
	caseRecords     = "records"
	caseWrites      = "writes"
	caseCollections = "collections"
	caseRedis       = "redis"
	caseCapacity    = "capacity"
)

var allCases = []string{
	caseEcho, caseSpin, caseFan, caseChurn, caseRecords, caseWrites, caseCollections, caseRedis, caseCapacity,
	caseMemory, caseGuest,
}

// The kinds of load generators, which are roles of this program.
const (
	generatorEcho       = "load"
	generatorFan        = "fan"
	generatorChurn      = "churn"
	generatorRecord     = "record"
	generatorCollection = "collection"
	generatorWrite      = "write"
	generatorCapacity   = "capacity"
)

// bench is one run.
type bench struct {
	cases       []string
	rounds      int
	duration    time.Duration // of one echo measurement
	settle      time.Duration // before memory is read
	connections int           // of the memory case
	benchTime   time.Duration // of one guest benchmark
	json        bool
	build       string // the folder of what scripts/bench has built
	redisCore   string // besideServers or besideClients
	profile     string // the folder for CPU profiles, "" for none
	folder      string // what this run needs on disk

	serverCore, clientCore int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the program: a measurement, or one of the roles in which it starts
// itself.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case generatorEcho:
			return generate[load](in, out)
		case generatorFan:
			return generate[fanLoad](in, out)
		case generatorChurn:
			return generate[churnLoad](in, out)
		case generatorRecord:
			return generate[recordLoad](in, out)
		case generatorCollection:
			return generate[collectionLoad](in, out)
		case generatorWrite:
			return generate[writeLoad](in, out)
		case generatorCapacity:
			return generate[capacityLoad](in, out)
		case "serve":
			return serve(args[1:], in, out, errs)
		}
	}
	b, err := parse(args, errs)
	if err != nil {
		return err
	}
	if b.serverCore, b.clientCore, err = cores(); err != nil {
		return err
	}
	r, err := b.run(ctx)
	if err != nil {
		return err
	}
	if b.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	_, err = io.WriteString(out, r.table())
	return err
}

func parse(args []string, errs io.Writer) (*bench, error) {
	b := new(bench)
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(errs)
	quick := flags.Bool("quick", false, "3 rounds of 1 s, 5 s of settling: nine minutes, and a first impression")
	only := flags.String("only", strings.Join(allCases, ","), "what to measure, comma separated; spin needs echo, redis and capacity a redis-server")
	flags.IntVar(&b.rounds, "rounds", 5, "how often each case is measured; the table has medians")
	flags.DurationVar(&b.duration, "duration", 5*time.Second, "of one echo measurement, half of it of a fan-out; a fifth more to warm up; of records less")
	flags.DurationVar(&b.settle, "settle", 150*time.Second, "how long connections idle before memory is read; an idle Go process collects its garbage every 2 min")
	flags.IntVar(&b.connections, "connections", 10_000, "in the memory case; client and server need a file descriptor for each")
	flags.StringVar(&b.redisCore, "redis-core", besideServers, "in the case redis: whose core Redis runs on, server or client")
	flags.BoolVar(&b.json, "json", false, "print everything that was measured as JSON instead of tables")
	flags.StringVar(&b.build, "build", "build", "folder of the built host, plugins and benchmarks")
	flags.StringVar(&b.profile, "profile", "", "folder to write CPU profiles of the servers to, where they are not the built binary")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	b.cases = strings.Split(*only, ",")
	b.benchTime = 500 * time.Millisecond
	if *quick {
		b.rounds, b.duration, b.settle, b.benchTime = 3, time.Second, 5*time.Second, 100*time.Millisecond
	}
	return b, b.check()
}

// check bounds what was asked for: a run always ends.
func (b *bench) check() error {
	for _, c := range b.cases {
		if !slices.Contains(allCases, c) {
			return fmt.Errorf("-only: %q is not one of %s", c, strings.Join(allCases, ", "))
		}
	}
	switch {
	case b.rounds < 1 || b.rounds > 100:
		return errors.New("-rounds is 1 to 100")
	case b.duration < 10*time.Millisecond || b.duration > time.Hour:
		return errors.New("-duration is 10ms to 1h")
	case b.settle < 0 || b.settle > time.Hour:
		return errors.New("-settle is 0 to 1h")
	case b.redisCore != besideServers && b.redisCore != besideClients:
		return fmt.Errorf("-redis-core is %s or %s", besideServers, besideClients)
	case b.connections < 1 || b.connections > 50_000:
		return errors.New("-connections is 1 to 50000")
	}
	return nil
}

func (b *bench) wants(name string) bool { return slices.Contains(b.cases, name) }

// progress tells who waits what was found so far.
func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

// run measures what was asked for.
func (b *bench) run(ctx context.Context) (r *report, err error) {
	defer func() { err = errors.Join(err, os.RemoveAll(b.folder)) }()
	if err := b.prepare(); err != nil {
		return nil, err
	}
	r = &report{Date: time.Now().UTC(), Machine: thisMachine(), Rounds: b.rounds, Duration: b.duration}
	if b.wants(caseRedis) || b.wants(caseCapacity) {
		if _, err := findRedis(); err != nil { // now, and not half an hour later
			return nil, err
		}
	}
	if b.wants(caseRecords) || b.wants(caseWrites) {
		if r.Disk, err = tryDisk(b.folder); err != nil {
			return nil, err
		}
	}
	start, busy, own := time.Now(), busyTime(), childrenTime()
	for _, c := range b.cases {
		if err := b.measure(ctx, c, r); err != nil {
			return nil, err
		}
	}
	others := busyTime() - busy - (childrenTime() - own)
	r.Others = max(0, others.Seconds()/time.Since(start).Seconds())
	return r, nil
}

// measure adds one case to the report.
func (b *bench) measure(ctx context.Context, name string, r *report) (err error) {
	switch name {
	case caseEcho:
		r.Echo, err = b.echoes(ctx)
	case caseFan:
		r.Fan, err = b.fans(ctx)
	case caseChurn:
		r.Churn, err = b.churns(ctx)
	case caseRecords:
		r.Records, err = b.records(ctx)
	case caseWrites:
		r.Writes, err = b.writes(ctx)
	case caseCollections:
		r.Collections, err = b.collections(ctx)
	case caseRedis:
		r.Redis, err = b.redis(ctx)
	case caseCapacity:
		r.Capacity, err = b.capacity(ctx)
	case caseMemory:
		if r.Memory, err = b.memory(ctx); err == nil {
			r.Subscribed, err = b.subscribed(ctx)
		}
	case caseGuest:
		r.Guest, err = b.guests(ctx)
	}
	return err
}
