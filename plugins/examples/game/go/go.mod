module github.com/mesh-host/mesh-host/plugins/examples/game/go

go 1.23

require github.com/mesh-host/mesh-host/pdk/go v0.0.0

replace github.com/mesh-host/mesh-host/pdk/go => ../../../../pdk/go
