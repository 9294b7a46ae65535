// Package filelock finds out whether the process that owns a file is alive.
//
// The owner locks the file and keeps the lock. The kernel releases it when the
// owner dies, however it dies. A process that then gets the lock knows that the
// owner is dead. On file systems and platforms without such locks [Try] returns an
// error, and callers have to go by the file's age.
package filelock
