// Package filelock tells whether the process that owns a file is alive.
//
// The owner takes the lock of the file and keeps it. The kernel lets go of it when
// the owner dies, however that happens; whoever then gets the lock knows that
// nobody lives who has it. Where a file system or platform has no such locks an
// error says so, and who lives is to be judged by age.
package filelock
