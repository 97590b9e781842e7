package redis

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
)

// check refuses a server that cannot carry a node, and says why, and what to do.
func (n *Node) check(ctx context.Context) error {
	if len(n.options.Addresses) == 0 {
		return errors.New("redis: no address: set redis.url or redis.addresses")
	}
	if n.options.Mode == Sentinel {
		if err := checkSentinels(ctx, n.options); err != nil {
			return err
		}
	}
	info, err := n.inform(ctx)
	if err != nil {
		return n.unusable(err)
	}
	if err := checkServer(info, n.options); err != nil {
		return err
	}
	base := n.options.Prefix
	if n.sharded {
		base += "{directory}:"
	}
	if err := n.checkCommands(ctx, base); err != nil {
		return err
	}
	if err := n.checkSubscribing(ctx, base); err != nil {
		return n.unusable(err)
	}
	n.warn(ctx)
	return nil
}

// unusable is why Open fails over an answer: ErrUnavailable, wrapped, where it may
// pass by itself.
func (n *Node) unusable(err error) error {
	if passing := []string{"", "LOADING", "CLUSTERDOWN", "MASTERDOWN", "BUSY"}; slices.Contains(passing, code(err)) {
		return fmt.Errorf("%w: redis: %v: %w", backplane.ErrUnavailable, n.options.Addresses, explained{err})
	}
	return fmt.Errorf("redis: %v: %w", n.options.Addresses, explained{err})
}

// inform asks a server about itself: of a Cluster the first that answers.
func (n *Node) inform(ctx context.Context) (string, error) {
	if !n.sharded {
		return n.client.Info(ctx).Result()
	}
	var all []error
	for _, address := range n.options.Addresses {
		o := universal(n.options).Simple()
		o.Addr, o.DB = address, 0
		client := goredis.NewClient(o)
		info, err := client.Info(ctx).Result()
		_ = client.Close()
		if err == nil {
			return info, nil
		}
		all = append(all, err)
	}
	return "", errors.Join(all...)
}

// The oldest versions, alone and as a Cluster, which has sharded pub/sub since.
var oldest, oldestCluster = [2]int{6, 2}, [2]int{7, 0}

// checkServer judges what a server says of itself.
func checkServer(info string, o Options) error {
	clustered := infoField(info, "cluster_enabled") == "1"
	least, what := oldest, ""
	if clustered {
		least, what = oldestCluster, " as a Cluster"
	}
	has := infoField(info, "redis_version")
	switch {
	case infoField(info, "redis_mode") == "sentinel", infoField(info, "server_mode") == "sentinel": // the latter is Valkey's
		return fmt.Errorf("redis: %v is a Sentinel: set redis.mode = sentinel and redis.master to the name of its set", o.Addresses)
	case o.Mode == Cluster && !clustered:
		return fmt.Errorf("redis: %v is no Cluster: set redis.mode = standalone", o.Addresses)
	case o.Mode != Cluster && clustered:
		return fmt.Errorf("redis: %v belongs to a Cluster: set redis.mode = cluster", o.Addresses)
	case older(has, least):
		return fmt.Errorf("redis: %v is Redis %s, too old: it takes %d.%d or newer%s (or Valkey)", o.Addresses, has, least[0], least[1], what)
	case o.Mode == Standalone && infoField(info, "role") != "master":
		return fmt.Errorf("redis: %v is a read-only replica of %s: name the master, or its Sentinels with redis.mode = sentinel",
			o.Addresses, infoField(info, "master_host")+":"+infoField(info, "master_port"))
	}
	return nil
}

// older compares a version such as "7.0.15"; one that cannot be read is new.
func older(version string, least [2]int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if err1 != nil || err2 != nil {
		return false
	}
	return major < least[0] || major == least[0] && minor < least[1]
}

// checkSentinels asks the Sentinels for the master.
func checkSentinels(ctx context.Context, o Options) error {
	if o.Master == "" {
		return errors.New("redis: redis.mode = sentinel takes redis.master, the name of the set that the Sentinels watch")
	}
	var all []error
	for _, address := range o.Addresses {
		err := checkSentinel(ctx, o, address)
		if err == nil {
			return nil
		}
		all = append(all, err)
	}
	return fmt.Errorf("redis: no Sentinel names the master: %w", errors.Join(all...))
}

func checkSentinel(ctx context.Context, o Options, address string) error {
	sentinel := goredis.NewSentinelClient(&goredis.Options{
		Addr: address, Username: o.SentinelUser, Password: o.SentinelPassword, TLSConfig: o.TLS,
		MaxRetries: -1, DialerRetries: 1, DialTimeout: o.Connect, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout,
		Protocol: 2, DisableIdentity: true,
	})
	defer func() { _ = sentinel.Close() }()
	err := sentinel.GetMasterAddrByName(ctx, o.Master).Err()
	switch word := code(err); {
	case err == nil:
		return nil
	case errors.Is(err, goredis.Nil), word == "IDONTKNOW":
		return fmt.Errorf("the Sentinel %s knows no set %q: check redis.master", address, o.Master)
	case word == "NOAUTH", word == "WRONGPASS":
		return fmt.Errorf("the Sentinel %s wants another password: check redis.sentinel_user and redis.sentinel_password: %w", address, err)
	case word == "NOPERM":
		return fmt.Errorf("the Sentinel %s lets redis.sentinel_user not ask for the master: %w", address, err)
	case word != "":
		return fmt.Errorf("%s is no Sentinel: set redis.mode to standalone or cluster, or redis.addresses to the Sentinels: %w", address, err)
	}
	return fmt.Errorf("%w: the Sentinel %s: %w", backplane.ErrUnavailable, address, explained{err})
}

// luaCall finds the commands that the scripts use.
var luaCall = regexp.MustCompile(`redis\.p?call\('([A-Z]+)'`)

// luaCommands are all commands that scripts use.
func luaCommands(sharded bool) []any {
	publish := "PUBLISH"
	if sharded {
		publish = "SPUBLISH"
	}
	names := []string{publish}
	files, err := luaFiles.ReadDir("lua")
	if err != nil {
		panic(fmt.Sprintf("redis: scripts: %v", err)) // they are built in
	}
	for _, file := range files {
		if file.IsDir() {
			continue // of those that others run
		}
		for _, found := range luaCall.FindAllStringSubmatch(readLua(strings.TrimSuffix(file.Name(), ".lua")), -1) {
			names = append(names, found[1])
		}
	}
	slices.Sort(names)
	all := make([]any, 0, len(names))
	for _, name := range slices.Compact(names) {
		all = append(all, name)
	}
	return all
}

var checkScript = newScript("check")

// checkCommands tries what the scripts use: Lua, writing, and each command.
func (n *Node) checkCommands(ctx context.Context, base string) error {
	text := checkScript.source(n.sharded).text
	answer, err := n.client.Eval(ctx, text, []string{base}, luaCommands(n.sharded)...).Result()
	if err != nil {
		if strings.Contains(strings.ToLower(err.Error()), "unknown command") {
			return fmt.Errorf("redis: %v cannot run scripts: allow EVAL and EVALSHA there", n.options.Addresses)
		}
		return n.unusable(err)
	}
	missing := reply{answer}.texts()
	if len(missing) < 2 {
		return nil
	}
	if err := serverError(missing[1]); advice[code(err)] != "" && code(err) != "NOPERM" {
		return n.unusable(err)
	}
	var names []string
	for i := 0; i < len(missing); i += 2 {
		names = append(names, missing[i])
	}
	return fmt.Errorf("redis: %v does not let scripts use %s on keys and channels that begin with %q: rename nothing there and allow them to redis.user (ACL SETUSER): %s",
		n.options.Addresses, strings.Join(names, ", "), n.options.Prefix, missing[1])
}

// checkSubscribing tries a connection for subscriptions.
func (n *Node) checkSubscribing(ctx context.Context, base string) error {
	c, err := n.connect(ctx, base)
	if err != nil {
		return err
	}
	defer func() { _ = c.wire.conn.Close() }()
	_, err = c.wire.ask(c.verbs.subscribe, base+"check")
	return err
}

// warn logs what works, but not for good.
func (n *Node) warn(ctx context.Context) {
	judge := func(ctx context.Context, client *goredis.Client) error {
		info, err := client.Info(ctx).Result()
		if err != nil {
			return err
		}
		policy := infoField(info, "maxmemory_policy")
		if infoField(info, "maxmemory") != "0" && policy != "" && policy != "noeviction" {
			n.log.Warn("redis: maxmemory-policy may evict what is in use, also records: set it to noeviction",
				"policy", policy, "maxmemory", infoField(info, "maxmemory"), "port", infoField(info, "tcp_port"))
		}
		has, _ := strconv.Atoi(infoField(info, "connected_slaves"))
		if has < n.options.Replicas {
			n.log.Warn("redis: fewer replicas are connected than redis.wait_replicas: records cannot be written",
				"connected", has, "wait_replicas", n.options.Replicas, "port", infoField(info, "tcp_port"))
		}
		return nil
	}
	var err error
	switch client := n.client.(type) {
	case *goredis.ClusterClient:
		err = client.ForEachMaster(ctx, judge)
	case *goredis.Client:
		err = judge(ctx, client)
	}
	if err != nil {
		n.log.Debug("redis: INFO", "error", err)
	}
}
