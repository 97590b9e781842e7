package plugin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mesh-host/mesh-host/host/capability"
)

// narrow holds what a version needs against what it is granted, and from then
// on its calls against both. The error says what is missing and which line of the
// configuration grants it.
func (v *version) narrow() error {
	asked, err := capability.ParseAsked(v.registration.Capabilities)
	if err != nil {
		return fmt.Errorf("the registration document is wrong: %w", err)
	}
	access := v.limits.Access
	if missing := access.Missing(asked, v.guest.Imports()); len(missing.Needs) > 0 {
		return fmt.Errorf("needs what it is not granted: %s. To grant it, set in [plugins.%s]: %s",
			strings.Join(missing.Needs, ", "), v.name, strings.Join(grantLines(access, missing), " and "))
	}
	v.guest.Narrow(access.Narrow(asked))
	return nil
}

// grantLines are the lines that grant what is missing beside what is granted.
func grantLines(access *capability.Access, missing capability.Missing) (lines []string) {
	if len(missing.Capabilities) > 0 {
		lines = append(lines, listLine("capabilities", access.Grants(), missing.Capabilities))
	}
	if len(missing.Origins) > 0 {
		lines = append(lines, listLine("http", originTexts(access), missing.Origins))
	}
	return lines
}

func listLine(key string, granted, missing []string) string {
	all := slices.Concat(granted, missing)
	for i, text := range all {
		all[i] = strconv.Quote(text)
	}
	return key + " = [" + strings.Join(all, ", ") + "]"
}

func originTexts(access *capability.Access) []string {
	texts := []string{}
	for _, o := range access.Origins().List() {
		texts = append(texts, o.String())
	}
	return texts
}
