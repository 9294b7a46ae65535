// Package tree has discussions, in which each comment answers another.
package tree

import "fmt"

// Comment is a comment with its answers.
type Comment struct {
	Author, Text string
	Answers      []*Comment
}

// Threads returns a discussion of two people who do not give in: as deep as n.
func Threads(n int) *Comment {
	root := &Comment{Author: "ann", Text: "first"}
	last := root
	for i := range n {
		c := &Comment{Author: [2]string{"bob", "ann"}[i%2], Text: fmt.Sprint("answer ", i)}
		last.Answers = append(last.Answers, c)
		last = c
	}
	return root
}

// walk sends the deepest comments first.
func walk(c *Comment, path [8]string, out chan<- *Comment) {
	copy(path[1:], path[:7])
	path[0] = c.Author
	for _, a := range c.Answers {
		walk(a, path, out)
	}
	if path[0] != "" {
		out <- c
	}
}

// newestFirst returns all comments, those that are deepest first.
func newestFirst(root *Comment) <-chan *Comment {
	out := make(chan *Comment)
	go func() {
		defer close(out)
		walk(root, [8]string{}, out)
	}()
	return out
}

// Newest returns the newest comments, at most as many as asked for.
func Newest(root *Comment, most int) []*Comment {
	var newest []*Comment
	for c := range newestFirst(root) {
		newest = append(newest, c)
		if len(newest) == most {
			break
		}
	}
	return newest
}
