// Package static serves the files of a folder: the page of an application
// beside the server that it talks to.
package static

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
)

// Handler serves the files below dir over GET and HEAD, and index.html for a
// folder; what it does not have, other serves, nil: 404. Folders are not
// listed. Names with a leading dot are not served, nor is anything outside dir,
// also where a symbolic link or ".." leads there. dir itself may be a link: it
// is followed anew for each request, so that a release can be put in its place.
//
// The error says that dir is no folder that can be read.
func Handler(dir string, other http.Handler) (http.Handler, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // it was only read
	if info, err := root.Stat("."); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("open %s: it is no folder", dir)
	}
	if other == nil {
		other = http.NotFoundHandler()
	}
	return &folder{dir: dir, other: other}, nil
}

type folder struct {
	dir   string
	other http.Handler
}

// ServeHTTP implements http.Handler.
func (f *folder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	root, err := os.OpenRoot(f.dir)
	if err != nil { // out of descriptors, or the folder is being replaced
		http.Error(w, "The files are not available", http.StatusServiceUnavailable)
		return
	}
	defer func() { _ = root.Close() }() // it was only read
	if !serve(w, r, root) {
		f.other.ServeHTTP(w, r)
	}
}

// serve answers a request, unless there is no such file.
func serve(w http.ResponseWriter, r *http.Request, root *os.Root) bool {
	name, asFolder, ok := local(r.URL.Path)
	if !ok {
		return false
	}
	info, err := root.Stat(name)
	if err != nil {
		return false
	}
	if !info.IsDir() {
		return !asFolder && send(w, r, root, name)
	}
	index := path.Join(name, "index.html")
	if asFolder {
		return send(w, r, root, index)
	}
	if info, err = root.Stat(index); err != nil || !info.Mode().IsRegular() {
		return false
	}
	target := url.URL{Path: "/" + name + "/", RawQuery: r.URL.RawQuery}
	http.Redirect(w, r, target.String(), http.StatusMovedPermanently)
	return true
}

// local returns the name below the root that a URL's path means, and whether
// it must be a folder's. There is none for a path with empty, hidden or dot
// elements, or with what separates names elsewhere.
func local(urlPath string) (name string, asFolder, ok bool) {
	name, absolute := strings.CutPrefix(urlPath, "/")
	if !absolute || strings.ContainsAny(name, "\\:\x00") {
		return "", false, false
	}
	if name == "" {
		return ".", true, true
	}
	name, asFolder = strings.CutSuffix(name, "/")
	for element := range strings.SplitSeq(name, "/") {
		if element == "" || element[0] == '.' {
			return "", false, false
		}
	}
	return name, asFolder, fs.ValidPath(name)
}

// send answers with a file, unless it is none: opening a pipe would wait for
// its writer.
func send(w http.ResponseWriter, r *http.Request, root *os.Root, name string) bool {
	info, err := root.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	file, err := root.Open(name)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	h := w.Header()
	h.Set("Content-Type", contentType(name))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache") // ask each time; 304 where nothing has changed
	http.ServeContent(w, r, name, info.ModTime(), file)
	return true
}
