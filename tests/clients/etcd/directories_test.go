package etcd

import (
	"strings"
	"testing"

	"go.etcd.io/etcd/client/v2"
)

func mkdir(t *testing.T, keys client.KeysAPI, key string) *client.Response {
	t.Helper()
	r, err := keys.Set(background(t), key, "", &client.SetOptions{Dir: true, PrevExist: client.PrevNoExist})
	ok(t, "make directory "+key, err)
	return r
}

func list(t *testing.T, keys client.KeysAPI, key string, recursive bool) *client.Node {
	t.Helper()
	r, err := keys.Get(background(t), key, &client.GetOptions{Recursive: recursive, Sort: true, Quorum: true})
	ok(t, "list "+key, err)
	return r.Node
}

func TestDirectoriesAndFilesExcludeEachOther(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	r := mkdir(t, keys, d+"/dir")
	if r.Action != "create" || !r.Node.Dir || r.Node.Value != "" {
		t.Fatalf("make a directory: %+v, %+v", r, r.Node)
	}
	_, err := keys.Set(background(t), d+"/dir", "", &client.SetOptions{Dir: true, PrevExist: client.PrevNoExist})
	refused(t, "make it twice", err, client.ErrorCodeNodeExist, d+"/dir")
	_, err = keys.Set(background(t), d+"/dir", "v", nil)
	refused(t, "write a directory", err, client.ErrorCodeNotFile, d+"/dir")
	set(t, keys, d+"/file", "v")
	_, err = keys.Set(background(t), d+"/file/below", "v", nil)
	refused(t, "write below a file", err, client.ErrorCodeNotDir, d+"/file")
	over, err := keys.Set(background(t), d+"/file", "", &client.SetOptions{Dir: true})
	ok(t, "put a directory in a file's place", err)
	if over.Action != "set" || !over.Node.Dir || over.PrevNode == nil || over.PrevNode.Value != "v" {
		t.Fatalf("%+v, %+v", over, over.Node)
	}
	list(t, keys, d+"/file", false)
}

func TestParentsAreMade(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	set(t, keys, d+"/a/b/c", "v")
	if node := list(t, keys, d+"/a", false); !node.Dir || names(node) != "b" || !node.Nodes[0].Dir {
		t.Fatalf("listed %+v", node)
	}
	_, err := keys.Delete(background(t), d+"/a/b/c", nil)
	ok(t, "delete", err)
	if node := list(t, keys, d+"/a/b", false); !node.Dir || len(node.Nodes) != 0 {
		t.Fatalf("the parents do not outlive their last child: %+v", node)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	for _, key := range []string{"b", "a/2", "a/10", "ab", "c/d/e"} {
		set(t, keys, d+"/"+key, key)
	}
	node := list(t, keys, d, false)
	if names(node) != "a ab b c" || len(node.Nodes[0].Nodes) != 0 {
		t.Fatalf("listed %q", names(node))
	}
	node = list(t, keys, d, true)
	if names(node) != "a ab b c" || names(node.Nodes[0]) != "10 2" || names(node.Nodes[3].Nodes[0]) != "e" ||
		node.Nodes[3].Nodes[0].Nodes[0].Value != "c/d/e" {
		t.Fatalf("listed %+v", node)
	}
	if r := get(t, keys, d); len(r.Node.Nodes) != 4 {
		t.Fatalf("unsorted, listed %q", names(r.Node))
	}
}

func TestRemovalOfDirectories(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	set(t, keys, d+"/a/b", "v")
	_, err := keys.Delete(background(t), d+"/a", nil)
	refused(t, "delete a directory as a file", err, client.ErrorCodeNotFile, d+"/a")
	_, err = keys.Delete(background(t), d+"/a", &client.DeleteOptions{Dir: true})
	refused(t, "delete a full directory", err, client.ErrorCodeDirNotEmpty, d+"/a")
	r, err := keys.Delete(background(t), d+"/a", &client.DeleteOptions{Recursive: true})
	ok(t, "delete the tree", err)
	if r.Action != "delete" || !r.Node.Dir || !r.PrevNode.Dir {
		t.Fatalf("delete the tree: %+v, %+v", r, r.Node)
	}
	absent(t, keys, d+"/a/b")
	mkdir(t, keys, d+"/empty")
	_, err = keys.Delete(background(t), d+"/empty", &client.DeleteOptions{Dir: true})
	ok(t, "delete an empty directory", err)
	set(t, keys, d+"/file", "v")
	_, err = keys.Delete(background(t), d+"/file", &client.DeleteOptions{Dir: true})
	ok(t, "delete a file as a directory", err)
	absent(t, keys, d+"/file")
}

func TestHiddenKeysAreNotListed(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	set(t, keys, d+"/_hidden/in", "v")
	set(t, keys, d+"/dir/_file", "v")
	set(t, keys, d+"/dir/shown", "v")
	node := list(t, keys, d, true)
	if names(node) != "dir" || names(node.Nodes[0]) != "shown" {
		t.Fatalf("listed %q", names(node))
	}
	if get(t, keys, d+"/_hidden/in").Node.Value != "v" || get(t, keys, d+"/dir/_file").Node.Value != "v" {
		t.Fatal("a hidden key cannot be read by its name")
	}
	if node := list(t, keys, d+"/_hidden", false); names(node) != "in" {
		t.Fatalf("listed %q", names(node))
	}
}

func TestInOrderKeys(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	var made []string
	for _, value := range []string{"one", "two", "three"} {
		r, err := keys.CreateInOrder(background(t), d+"/queue", value, nil)
		ok(t, "create in order", err)
		name := strings.TrimPrefix(r.Node.Key, d+"/queue/")
		if r.Action != "create" || len(name) != 20 || strings.Trim(name, "0123456789") != "" || r.Node.Value != value {
			t.Fatalf("create in order: %+v, %+v", r, r.Node)
		}
		made = append(made, name)
		set(t, keys, d+"/other", value)
	}
	node := list(t, keys, d+"/queue", false)
	if names(node) != strings.Join(made, " ") || node.Nodes[0].Value != "one" || node.Nodes[2].Value != "three" {
		t.Fatalf("made %q, listed %q", made, names(node))
	}
	set(t, keys, d+"/file", "v")
	_, err := keys.CreateInOrder(background(t), d+"/file", "v", nil)
	refused(t, "create in order below a file", err, client.ErrorCodeNotDir, d+"/file")
}
