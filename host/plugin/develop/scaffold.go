package develop

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/mesh-host/mesh-host/host/plugin"
)

// The templates of a project, and in common what all have. Their names end in
// .tmpl, so that neither Go nor anything else takes them for sources.
//
//go:embed templates
var templates embed.FS

// NewOptions say what project to make.
type NewOptions struct {
	// Name is the plugin's: lower-case letters, digits and '-', a letter
	// first, at most 64; it is that of a crate and a package, too.
	Name     string
	Language Language
	// Dir is the folder to make; empty: Name, in the working directory.
	Dir string
	Kit KitSource
}

// projectName is what a crate, an npm package, a Go module and a plugin may all
// be called.
var projectName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)

func checkProjectName(name string) error {
	if name == "" {
		return refusedText("say what the plugin is called: mesh-host plugin new --lang go hello")
	}
	if !projectName.MatchString(name) || strings.HasSuffix(name, "-") {
		return refused(fmt.Errorf("%q cannot be the name of a plugin: use lower-case letters, digits and '-', a letter first, at most 64", name))
	}
	if err := plugin.CheckName(name); err != nil {
		return refused(fmt.Errorf("%q cannot be the name of a plugin: %w", name, err))
	}
	return nil
}

// project is what the templates know.
type project struct {
	Name       string
	Language   Language
	TinyGoMark string
	// KitVersion is that of a published kit, KitPath where it is otherwise.
	KitVersion, KitPath string
}

// New makes the folder of a project, which builds and has tests that pass, and
// returns it. A folder that is there must be empty.
func New(o NewOptions) (dir string, err error) {
	if err := checkProjectName(o.Name); err != nil {
		return "", err
	}
	if _, err := ParseLanguage(string(o.Language)); err != nil {
		return "", err
	}
	if dir = o.Dir; dir == "" {
		dir = o.Name
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	found, err := o.Kit.find(o.Language)
	if err != nil {
		return "", err
	}
	p := project{Name: o.Name, Language: o.Language, TinyGoMark: tinyGoMark, KitVersion: found.version}
	if p.KitPath, err = found.pathFrom(absolute); err != nil {
		return "", err
	}
	if o.Language == Go || o.Language == TinyGo {
		if p.KitVersion != "" {
			p.KitVersion = "v" + p.KitVersion
		}
		p.KitPath = goPath(p.KitPath)
	}
	files, err := p.files()
	if err != nil {
		return "", err
	}
	if err := checkEmpty(absolute); err != nil {
		return "", refused(fmt.Errorf("%s: %w", dir, err))
	}
	if err := writeFiles(absolute, files); err != nil {
		return "", fmt.Errorf("the project cannot be written (--dir names another folder): %w", err)
	}
	return dir, nil
}

func writeFiles(dir string, files map[string][]byte) error {
	for name, content := range files {
		target := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil { // as the umask says, like any tool that makes folders
			return err
		}
		if err := os.WriteFile(target, content, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// goPath is how a go.mod names a folder: it must look like one, and be quoted
// where it has spaces.
func goPath(p string) string {
	if p == "" {
		return ""
	}
	if !path.IsAbs(p) && !strings.HasPrefix(p, "../") && filepath.VolumeName(p) == "" {
		p = "./" + p
	}
	if strings.ContainsAny(p, " \t()") {
		return "`" + p + "`"
	}
	return p
}

// checkEmpty refuses a folder with something in it.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("--dir must name an empty folder, or none that is there: %w", err)
	case len(entries) > 0:
		return errNotEmpty
	}
	return nil
}

// hiddenNames are those that templates cannot have: files whose names begin with
// a dot are not embedded.
var hiddenNames = map[string]string{"gitignore": ".gitignore", "cargo/config.toml": ".cargo/config.toml"}

// files renders the templates: contents by path.
func (p project) files() (map[string][]byte, error) {
	files := make(map[string][]byte)
	own := string(p.Language)
	if p.Language == TinyGo {
		own = string(Go)
	}
	for _, root := range []string{"templates/common", "templates/" + own} {
		err := fs.WalkDir(templates, root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := templates.ReadFile(name)
			if err != nil {
				return err
			}
			t, err := template.New(name).Option("missingkey=error").Parse(string(text))
			if err != nil {
				return err
			}
			var b bytes.Buffer
			if err := t.Execute(&b, p); err != nil {
				return err
			}
			target := strings.TrimSuffix(strings.TrimPrefix(name, root+"/"), ".tmpl")
			if hidden, ok := hiddenNames[target]; ok {
				target = hidden
			}
			files[target] = b.Bytes()
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("the template for %s: %w", p.Language, err)
		}
	}
	return files, nil
}
