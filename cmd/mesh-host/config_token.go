package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"

	"github.com/mesh-host/mesh-host/host"
)

const tokenFileFlag = "token-file"

// readTokenFile takes admin.token from the file of its flag, which wins over
// variable and configuration: a secret in a file of its own is how
// orchestrators hand it over.
func (l *loader) readTokenFile() {
	path, err := l.flags.GetString(tokenFileFlag)
	if err != nil || path == "" {
		return
	}
	const key, source = "admin.token", "--" + tokenFileFlag
	text, err := os.ReadFile(path)
	token := bytes.TrimSpace(text)
	var file *fs.PathError
	switch {
	case errors.As(err, &file):
		l.problem(source, key, "%s: %s", path, file.Err)
	case err != nil:
		l.problem(source, key, "%s: %s", path, err)
	case len(token) == 0:
		l.problem(source, key, "%s: the file is empty", path)
	default:
		l.Admin.Token = host.Secret(token)
		l.sources[key] = source
	}
}
