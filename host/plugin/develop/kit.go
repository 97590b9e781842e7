package develop

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// KitsVariable names the environment variable with the folder of the kits.
const KitsVariable = "MESH_KITS"

// kit says where a project gets its kit from: one of the two is set.
type kit struct {
	version string // as a release's, "1.2.3"
	path    string // absolute
}

// KitSource says where New looks for the kits.
type KitSource struct {
	// Version is this program's. A release's kits are fetched by it; of
	// anything else, those of a checkout are used.
	Version string
	// Path is a checkout, its folder pdk or a language's folder in that; it
	// comes before everything else.
	Path string
	// From are folders from which the checkout is looked for upwards, in this
	// order, once Path and MESH_KITS are empty.
	From []string
}

var (
	releaseVersion = regexp.MustCompile(`^v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)$`)
	pseudoVersion  = regexp.MustCompile(`\d{14}-[0-9a-f]{12}$`)
)

// release returns the version of a release, "" for any other build.
func release(version string) string {
	found := releaseVersion.FindStringSubmatch(version)
	if found == nil || pseudoVersion.MatchString(version) {
		return ""
	}
	return found[1]
}

// kitSigns are the files by which a language's kit is known, from the folder
// of all kits, and a text in it.
var kitSigns = map[Language]struct{ folder, file, text string }{
	Go:             {"go", "go.mod", "module github.com/mesh-host/mesh-host/pdk/go"},
	TinyGo:         {"go", "go.mod", "module github.com/mesh-host/mesh-host/pdk/go"},
	Rust:           {"rust", "Cargo.toml", `name = "mesh-pdk"`},
	AssemblyScript: {"assemblyscript", "package.json", `"@mesh-host/as-pdk"`},
}

// find returns the kit for a language.
func (s KitSource) find(l Language) (kit, error) {
	if s.Path != "" {
		return kitAt(l, s.Path, "--kit")
	}
	if path := os.Getenv(KitsVariable); path != "" {
		return kitAt(l, path, KitsVariable)
	}
	if version := release(s.Version); version != "" {
		return kit{version: version}, nil
	}
	for _, from := range s.From {
		for dir := from; ; dir = filepath.Dir(dir) {
			if path := kitIn(l, dir); path != "" {
				return kit{path: path}, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return kit{}, refused(fmt.Errorf("no kit for %s is to be found: only those of releases are published, and this mesh-host (version %s) was built from sources. "+
		"Say where a checkout of those is: --kit /path/to/mesh-host, or %s=/path/to/mesh-host in the environment", l, s.Version, KitsVariable))
}

func kitAt(l Language, path, source string) (kit, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return kit{}, err
	}
	if found := kitIn(l, absolute); found != "" {
		return kit{path: found}, nil
	}
	sign := kitSigns[l]
	return kit{}, refused(fmt.Errorf("%s: there is no kit for %s in %s: name a checkout of mesh-host, which has pdk/%s/%s", source, l, path, sign.folder, sign.file))
}

// kitIn returns the kit that a folder is, or has in it as a checkout or its
// folder pdk has; "" for none.
func kitIn(l Language, dir string) string {
	sign := kitSigns[l]
	for _, candidate := range []string{filepath.Join(dir, "pdk", sign.folder), filepath.Join(dir, sign.folder), dir} {
		text, err := os.ReadFile(filepath.Join(candidate, sign.file))
		if err == nil && strings.Contains(string(text), sign.text) {
			return candidate
		}
	}
	return ""
}

// pathFrom is how a project refers to its kit: relatively inside of one
// checkout, which may move as a whole, else absolutely.
func (k kit) pathFrom(project string) (string, error) {
	if k.path == "" {
		return "", nil
	}
	if i := strings.IndexFunc(k.path, breaksOut); i >= 0 {
		return "", refused(fmt.Errorf("the kit's folder is %q: the files of a project cannot name a path with %q; move it, or name it by a link", k.path, k.path[i:i+1]))
	}
	checkout := filepath.Dir(filepath.Dir(k.path))
	inside, err := filepath.Rel(checkout, project)
	if outside := err != nil || inside == ".." || strings.HasPrefix(inside, ".."+string(filepath.Separator)); outside {
		return filepath.ToSlash(k.path), nil
	}
	relative, err := filepath.Rel(project, k.path)
	return filepath.ToSlash(relative), err
}

// breaksOut reports whether a character of a path would end its quotes in a
// go.mod, a Cargo.toml or a package.json.
func breaksOut(r rune) bool {
	return r == '"' || r == '`' || r == '\\' && filepath.Separator != '\\' || r < ' ' || r == 0x7F
}

// errNotEmpty refuses to write over someone's work.
var errNotEmpty = errors.New("it exists and is not empty: choose another --dir, or empty it")
