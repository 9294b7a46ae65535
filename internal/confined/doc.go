// Package confined opens, writes and syncs files inside an [os.Root].
//
// No name can lead out of the folder, because everything goes through the root.
// Nothing follows a symbolic link within it either, which a root alone would do:
// whatever is not a regular file or a real folder is refused.
//
//  1. [OpenDir] and [OpenRegular] open what is there, and [Names] lists it.
//  2. [WriteWhole] writes a file that is whole or absent. It survives the death of the
//     process.
//  3. [SyncFile] and [SyncDir] make files and names safe from a power cut;
//     [WriteBytes] does it all for a small file.
//
// # Concurrency
//
// All functions may be called from several goroutines at once, with one [os.Root].
// Concurrent writers need distinct names for their temporary files.
//
// # Cost
//
// [WriteWhole] needs a buffer of 16 KiB. What syncing costs is up to the disk.
package confined
