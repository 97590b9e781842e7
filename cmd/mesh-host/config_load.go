package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/mesh-host/mesh-host/host"
)

// defaultFile is read if it is there and --config names no other.
const defaultFile = "./config.toml"

// flagKeys are the flags that stand for a key. A command need not have them.
var flagKeys = map[string]string{
	"listen":       "listen",
	"admin.listen": "admin",
	"plugins.dir":  "plugins",
	"store.path":   "store",
	"redis.url":    "redis",
}

// addConfigFlags gives a command the flags that load reads.
func addConfigFlags(flags *pflag.FlagSet) {
	d := host.Default()
	addSourceFlags(flags)
	flags.String("listen", d.Listen, "address for clients, host:port; port 0 picks a free one")
	flags.String("admin", d.Admin.Listen, "address of the admin API, host:port")
	flags.String("plugins", d.Plugins.Dir, "folder of the *.wasm plugins")
	flags.String("store", d.Store.Path, "folder that keeps records, histories, metadata and plugins' stores; \"\" keeps them in memory only")
	flags.String("redis", string(d.Redis.URL), "URL of the Redis that all nodes share, redis://host:port/0; with a password better in MESH_REDIS_URL, as others see the arguments")
}

// addSourceFlags gives a command those that say where to read.
func addSourceFlags(flags *pflag.FlagSet) {
	flags.String("config", defaultFile, "TOML file to read; the default one may be missing, \"\" reads none")
	flags.String(tokenFileFlag, "", "file that holds admin.token and nothing else")
}

// loaded is the effective configuration and how it came about.
type loaded struct {
	host.Config
	// file is the path of the file that was read, or "".
	file string
	// sources says where a key's value is from, for those that are not
	// defaults: the file's path, a variable's name or a flag.
	sources map[string]string
	// warnings are about what had no effect.
	warnings []string
}

// configError is all that is wrong with the configuration.
type configError struct{ problems []error }

func (e *configError) Error() string {
	var b strings.Builder
	b.WriteString("the configuration has 1 problem:")
	if n := len(e.problems); n > 1 {
		b.Reset()
		fmt.Fprintf(&b, "the configuration has %d problems:", n)
	}
	for _, p := range e.problems {
		b.WriteString("\n  " + p.Error())
	}
	return b.String()
}

func (e *configError) Unwrap() []error { return e.problems }

// load makes the configuration from flags, the environment, the file and the
// defaults; the former win. The error is a *configError with all problems.
func load(flags *pflag.FlagSet) (*loaded, error) {
	l := read(flags)
	l.validate()
	if len(l.problems) > 0 {
		return nil, &configError{problems: l.problems}
	}
	return &l.loaded, nil
}

// read is load without judging the values as a whole; problems has what could
// not be read, and those keys are as if nobody had set them.
func read(flags *pflag.FlagSet) *loader {
	l := &loader{
		flags:  flags,
		loaded: loaded{Config: host.Default(), sources: map[string]string{}},
	}
	file := l.readFile()
	sections := l.takeSections(file)
	fields, tables := fieldsOf(&l.Config)
	keys := keysOf(fields)
	l.checkKeys("", file, keys, tables)
	l.resolveTables(fields, file)
	fields = slices.DeleteFunc(fields, field.isTables)
	l.resolve("", fields, file)
	l.readTokenFile()

	variables := l.pluginVariables(sections, keys)
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		l.resolvePlugin(name, sections[name], variables[name])
	}
	return l
}

// reloader returns what loads the configuration again from the same flags and
// file, and the environment of the start. It is safe for concurrent use.
func reloader(flags *pflag.FlagSet) func() (host.Config, error) {
	return func() (host.Config, error) {
		l, err := load(flags)
		if err != nil {
			return host.Config{}, err
		}
		return l.Config, nil
	}
}

// loader is a load under way.
type loader struct {
	loaded
	flags    *pflag.FlagSet
	problems []error
}

// problem notes what is wrong with the value that source gives key.
func (l *loader) problem(source, key, format string, args ...any) {
	err := error(&host.KeyError{Key: key, Problem: fmt.Sprintf(format, args...)})
	if source != "" {
		err = fmt.Errorf("%s: %w", source, err)
	}
	l.problems = append(l.problems, err)
}

// resolve gives each field the value of the first that has one: flag,
// variable, file. The fields' keys are looked up in file, and everywhere else
// below prefix.
func (l *loader) resolve(prefix string, fields []field, file map[string]any) {
	layers := viper.New()
	err := layers.MergeConfigMap(file)
	for _, f := range fields {
		key := prefix + f.key
		err = errors.Join(err, layers.BindEnv(f.key, envName(key)))
		if flag := l.flags.Lookup(flagKeys[key]); flag != nil {
			err = errors.Join(err, layers.BindPFlag(f.key, flag))
		}
	}
	if err != nil {
		l.problems = append(l.problems, err)
		return
	}
	for _, f := range fields {
		if layers.IsSet(f.key) {
			l.set(prefix+f.key, f, layers.Get(f.key))
		}
	}
}

// set stores a value that resolve found.
func (l *loader) set(key string, f field, raw any) {
	source, isText := l.source(key)
	var err error
	if isText {
		raw, err = f.parse(fmt.Sprint(raw))
	}
	if err == nil {
		err = f.assign(raw)
	}
	if err != nil && f.isSecret() {
		err = errors.New("it must be a string") // and nobody's business
	}
	if err != nil {
		l.problem(source, key, "%s", err)
		return
	}
	l.sources[key] = source
}

// source tells where resolve found key, and whether that gives text rather
// than a TOML value.
func (l *loader) source(key string) (name string, isText bool) {
	if flag, ok := flagKeys[key]; ok && l.flags.Changed(flag) {
		return "--" + flag, true
	}
	if variable := envName(key); os.Getenv(variable) != "" {
		return variable, true
	}
	return l.file, false
}

// validate adds what host finds, with where the value is from.
func (l *loader) validate() {
	err := l.Validate()
	if err == nil {
		return
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		l.problems = append(l.problems, err)
		return
	}
	for _, err := range joined.Unwrap() {
		var k *host.KeyError
		if errors.As(err, &k) {
			if l.reported(k.Key) {
				continue
			}
			if source := l.sources[listOf(k.Key)]; source != "" {
				err = fmt.Errorf("%s: %w", source, err)
			}
		}
		l.problems = append(l.problems, err)
	}
}

// reported tells whether there is a problem of key, or of the list's element
// that it belongs to, already: what could not be read is not missing as well.
func (l *loader) reported(key string) bool {
	return slices.ContainsFunc(l.problems, func(err error) bool {
		var k *host.KeyError
		return errors.As(err, &k) && (k.Key == key || strings.HasSuffix(k.Key, "]") && strings.HasPrefix(key, k.Key+"."))
	})
}

func keysOf(fields []field) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return keys
}
