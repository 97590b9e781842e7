//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// disk is what the store of a run lies on.
type disk struct {
	Folder     string `json:"folder"`
	FileSystem string `json:"file_system"`
	// Sync is what it takes to write 4 KiB to a file there and have the disk keep
	// them, in nanoseconds.
	Sync    time.Duration `json:"sync"`
	SyncP99 time.Duration `json:"sync_p99"`
}

// syncs is how often a disk is tried, for a second at most.
const syncs = 200

// tryDisk measures the disk of a folder.
func tryDisk(folder string) (d *disk, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return nil, err
	}
	d = &disk{Folder: filepath.Dir(folder), FileSystem: fileSystem(s.Type)}
	file, err := os.CreateTemp(folder, "sync-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	var took histogram
	page := make([]byte, 4<<10)
	for began := time.Now(); took.total < syncs && time.Since(began) < time.Second; {
		start := time.Now()
		if _, err := file.WriteAt(page, int64(took.total%16)<<12); err != nil {
			return nil, err
		}
		if err := unix.Fdatasync(int(file.Fd())); err != nil {
			return nil, err
		}
		took.add(time.Since(start))
	}
	d.Sync, d.SyncP99 = took.quantile(0.5), took.quantile(0.99)
	return d, nil
}

// fileSystem names the kinds of statfs(2) that are usual.
func fileSystem(kind int64) string {
	switch kind {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlayfs"
	}
	return fmt.Sprintf("file system %#x", kind)
}

// line says what the report says of it.
func (d *disk) line() string {
	return fmt.Sprintf("store.path is a folder of %s, %s: writing 4 KiB and syncing takes %s there, p99 %s.\n",
		d.Folder, d.FileSystem, short(d.Sync), short(d.SyncP99))
}
