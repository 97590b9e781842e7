package extism

// What takes bytes of plugins, for the fuzz targets.
var (
	DecodeResponse = decodeResponse
	Redirect       = redirect
	Translate      = translate
	SettingsOf     = settings
	OwnFunctions   = ownFunctions
)

// OwnModule is where imports are redirected to.
const OwnModule = ownModule

// CheckImports is checkImports.
func (r *Runtime) CheckImports(module []byte) ([]string, error) { return r.checkImports(module) }
