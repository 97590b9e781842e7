package static

import (
	"io/fs"
	"net/url"
	"os"
)

// maxPages bounds what Pages returns.
const maxPages = 100

// Pages lists the folders of dir that have a page of their own, by name, as the
// paths under which Handler serves them: "/chat/". There are none where dir cannot
// be read, and no more than 100.
func Pages(dir string) []string {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil
	}
	defer func() { _ = root.Close() }() // it was only read
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil
	}
	var pages []string
	for _, entry := range entries {
		path := "/" + entry.Name() + "/"
		name, _, ok := local(path)
		if !ok {
			continue
		}
		info, err := root.Stat(name + "/index.html")
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if pages = append(pages, (&url.URL{Path: path}).EscapedPath()); len(pages) == maxPages {
			break
		}
	}
	return pages
}
