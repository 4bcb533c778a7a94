import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.SharedCountListener;
import org.apache.curator.framework.recipes.shared.SharedCountReader;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryOneTime;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/**
 * Curator's recipes, each by two clients on a server: java Recipes.java HOST:PORT NAME, those whose names have NAME in
 * them.
 *
 * <p>One line a recipe, and {@code N passed, N failed} at the end; the exit code is 1 where one failed.
 */
public final class Recipes {
    /** The longest wait for what must come, in seconds. */
    private static final int PATIENCE = 20;

    private final String address;
    private final ExecutorService others = Executors.newCachedThreadPool(Recipes::daemon);
    private CuratorFramework one;
    private CuratorFramework two;

    private Recipes(String address) {
        this.address = address;
    }

    private interface Recipe {
        void run() throws Exception;
    }

    private interface Question {
        boolean ask() throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        Recipes all = new Recipes(arguments[0]);
        Map<String, Recipe> recipes = new LinkedHashMap<>();
        recipes.put("InterProcessMutex", all::mutex);
        recipes.put("InterProcessMutex, holder's session ends", all::mutexOfAnEndedSession);
        recipes.put("InterProcessMultiLock", all::multiLock);
        recipes.put("InterProcessReadWriteLock", all::readWriteLock);
        recipes.put("InterProcessSemaphoreV2", all::semaphore);
        recipes.put("LeaderLatch", all::leaderLatch);
        recipes.put("LeaderSelector", all::leaderSelector);
        recipes.put("PersistentNode", all::persistentNode);
        recipes.put("PersistentTtlNode", all::persistentTtlNode);
        recipes.put("GroupMember", all::groupMember);
        recipes.put("PathChildrenCache", all::pathChildrenCache);
        recipes.put("CuratorCache", all::curatorCache);
        recipes.put("PersistentWatcher", all::persistentWatcher);
        recipes.put("SharedCount", all::sharedCount);
        recipes.put("DistributedAtomicLong", all::atomicLong);
        recipes.put("DistributedQueue", all::queue);
        recipes.put("SimpleDistributedQueue", all::simpleQueue);
        recipes.put("DistributedBarrier", all::barrier);
        recipes.put("DistributedDoubleBarrier", all::doubleBarrier);
        recipes.put("transactions", all::transactions);
        recipes.put("nodes made in the background, with protection, in containers", all::nodes);
        recipes.keySet().removeIf(name -> !name.contains(arguments[1]));
        int failed = 0;
        for (Map.Entry<String, Recipe> recipe : recipes.entrySet()) {
            long began = System.nanoTime();
            try {
                all.with(recipe.getValue());
                System.out.printf("ok      %s (%d ms)%n", recipe.getKey(), (System.nanoTime() - began) / 1_000_000);
            } catch (Exception | AssertionError error) {
                failed++;
                System.out.printf("FAILED  %s%n", recipe.getKey());
                error.printStackTrace(System.out);
            }
        }
        System.out.printf("%d passed, %d failed%n", recipes.size() - failed, failed);
        System.exit(failed == 0 ? 0 : 1);
    }

    /** Runs a recipe with two connected clients, in a tree of its own. */
    private void with(Recipe recipe) throws Exception {
        String tree = "curator-" + System.nanoTime();
        try (CuratorFramework first = client(tree);
                CuratorFramework second = client(tree)) {
            one = first;
            two = second;
            recipe.run();
        }
    }

    private CuratorFramework client(String tree) throws InterruptedException {
        CuratorFramework client = CuratorFrameworkFactory.builder()
                .connectString(address)
                .namespace(tree)
                .sessionTimeoutMs(10_000)
                .connectionTimeoutMs(10_000)
                .retryPolicy(new RetryOneTime(10))
                .build();
        client.start();
        check(client.blockUntilConnected(PATIENCE, TimeUnit.SECONDS), "connected");
        return client;
    }

    private static Thread daemon(Runnable task) {
        Thread thread = new Thread(task);
        thread.setDaemon(true);
        return thread;
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError("not so: " + what);
        }
    }

    private static void same(Object want, Object got) {
        if (!want.equals(got)) {
            throw new AssertionError("wanted " + want + ", got " + got);
        }
    }

    /** Asks again until the answer is yes. */
    private static void until(String what, Question question) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE);
        while (!question.ask()) {
            check(System.nanoTime() < end, what);
            Thread.sleep(5);
        }
    }

    private static <T> T of(Future<T> future) throws Exception {
        return future.get(PATIENCE, TimeUnit.SECONDS);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Ends the session of a client by its id and password, as if it had expired. */
    private void endSession(CuratorFramework client) throws Exception {
        ZooKeeper session = client.getZookeeperClient().getZooKeeper();
        CountDownLatch connected = new CountDownLatch(1);
        ZooKeeper twin = new ZooKeeper(
                address,
                10_000,
                event -> {
                    if (event.getState() == Watcher.Event.KeeperState.SyncConnected) {
                        connected.countDown();
                    }
                },
                session.getSessionId(),
                session.getSessionPasswd());
        check(connected.await(PATIENCE, TimeUnit.SECONDS), "attached to the session");
        twin.close();
    }

    /** Four threads of each client add 10 each to a number that only the lock protects. */
    private void mutex() throws Exception {
        int[] sum = {0};
        AtomicInteger inside = new AtomicInteger();
        List<Future<?>> all = new ArrayList<>();
        for (int number = 0; number < 8; number++) {
            InterProcessMutex lock = new InterProcessMutex(number % 2 == 0 ? one : two, "/lock");
            all.add(others.submit(() -> {
                for (int time = 0; time < 10; time++) {
                    lock.acquire();
                    // The same thread may take it again.
                    lock.acquire();
                    check(inside.incrementAndGet() == 1, "alone inside");
                    sum[0]++;
                    inside.decrementAndGet();
                    lock.release();
                    lock.release();
                }
                return null;
            }));
        }
        for (Future<?> each : all) {
            of(each);
        }
        same(80, sum[0]);
        InterProcessMutex held = new InterProcessMutex(one, "/lock");
        held.acquire();
        check(!new InterProcessMutex(two, "/lock").acquire(100, TimeUnit.MILLISECONDS), "held");
        same(1, held.getParticipantNodes().size());
        held.release();
    }

    private void mutexOfAnEndedSession() throws Exception {
        InterProcessMutex held = new InterProcessMutex(one, "/lock");
        held.acquire();
        CountDownLatch lost = new CountDownLatch(1);
        one.getConnectionStateListenable().addListener((client, state) -> {
            if (state == ConnectionState.LOST) {
                lost.countDown();
            }
        });
        Future<Boolean> next =
                others.submit(() -> new InterProcessMutex(two, "/lock").acquire(PATIENCE, TimeUnit.SECONDS));
        until("a second participant", () -> held.getParticipantNodes().size() == 2);
        endSession(one);
        check(of(next), "the next has the lock");
        check(lost.await(PATIENCE, TimeUnit.SECONDS), "the holder learns that it lost the lock");
    }

    private void multiLock() throws Exception {
        InterProcessMultiLock both = new InterProcessMultiLock(one, Arrays.asList("/a", "/b"));
        both.acquire();
        InterProcessMutex b = new InterProcessMutex(two, "/b");
        check(!b.acquire(100, TimeUnit.MILLISECONDS), "held");
        both.release();
        check(b.acquire(PATIENCE, TimeUnit.SECONDS), "free");
        check(!both.acquire(100, TimeUnit.MILLISECONDS), "one of two is held");
        check(new InterProcessMutex(one, "/a").acquire(PATIENCE, TimeUnit.SECONDS), "the other was given back");
    }

    private void readWriteLock() throws Exception {
        InterProcessReadWriteLock first = new InterProcessReadWriteLock(one, "/rw");
        InterProcessReadWriteLock second = new InterProcessReadWriteLock(two, "/rw");
        first.readLock().acquire();
        check(second.readLock().acquire(PATIENCE, TimeUnit.SECONDS), "two read");
        Future<Boolean> writer = others.submit(() -> second.writeLock().acquire(PATIENCE, TimeUnit.SECONDS));
        until("the writer waits", () -> second.writeLock().getParticipantNodes().size() == 1);
        check(!others.submit(() -> first.readLock().acquire(200, TimeUnit.MILLISECONDS)).get(), "no reader passes a writer");
        check(!writer.isDone(), "a writer waits for readers");
        first.readLock().release();
        second.readLock().release();
        check(of(writer), "the writer has it");
        check(!first.readLock().acquire(100, TimeUnit.MILLISECONDS), "no reader beside a writer");
    }

    private void semaphore() throws Exception {
        InterProcessSemaphoreV2 first = new InterProcessSemaphoreV2(one, "/semaphore", 3);
        InterProcessSemaphoreV2 second = new InterProcessSemaphoreV2(two, "/semaphore", 3);
        Collection<Lease> leases = first.acquire(2);
        Lease third = second.acquire();
        check(second.acquire(200, TimeUnit.MILLISECONDS) == null, "three leases are out");
        Future<Lease> next = others.submit(() -> second.acquire(PATIENCE, TimeUnit.SECONDS));
        first.returnAll(leases);
        check(of(next) != null, "a lease came back");
        second.returnLease(third);
    }

    private void leaderLatch() throws Exception {
        LeaderLatch first = new LeaderLatch(one, "/leader", "first");
        LeaderLatch second = new LeaderLatch(two, "/leader", "second");
        first.start();
        check(first.await(PATIENCE, TimeUnit.SECONDS), "the first leads");
        second.start();
        until("two participants", () -> second.getParticipants().size() == 2);
        check(!second.hasLeadership(), "one leads");
        same("first", second.getLeader().getId());
        endSession(one);
        check(second.await(PATIENCE, TimeUnit.SECONDS), "the second leads when the first's session ended");
        until("the first stands for election again", () -> second.getParticipants().size() == 2);
        second.close();
        check(first.await(PATIENCE, TimeUnit.SECONDS), "the first leads again");
        first.close();
    }

    private void leaderSelector() throws Exception {
        BlockingQueue<String> leaders = new LinkedBlockingQueue<>();
        AtomicInteger leading = new AtomicInteger();
        List<LeaderSelector> selectors = new ArrayList<>();
        for (int number = 0; number < 4; number++) {
            String name = "candidate-" + number;
            LeaderSelector selector = new LeaderSelector(
                    number % 2 == 0 ? one : two, "/selector", new LeaderSelectorListenerAdapter() {
                        @Override
                        public void takeLeadership(CuratorFramework client) throws Exception {
                            check(leading.incrementAndGet() == 1, "one leads");
                            leaders.add(name);
                            Thread.sleep(10);
                            leading.decrementAndGet();
                        }
                    });
            selector.setId(name);
            selector.autoRequeue();
            selectors.add(selector);
        }
        for (LeaderSelector selector : selectors) {
            selector.start();
        }
        TreeSet<String> led = new TreeSet<>();
        for (int time = 0; time < 12; time++) {
            led.add(leaders.poll(PATIENCE, TimeUnit.SECONDS));
        }
        same(4, led.size());
        for (LeaderSelector selector : selectors) {
            selector.close();
        }
    }

    private void persistentNode() throws Exception {
        try (PersistentNode node = new PersistentNode(one, CreateMode.EPHEMERAL, false, "/persistent/node", bytes("v"))) {
            node.start();
            check(node.waitForInitialCreate(PATIENCE, TimeUnit.SECONDS), "created");
            Stat before = two.checkExists().forPath("/persistent/node");
            same(one.getZookeeperClient().getZooKeeper().getSessionId(), before.getEphemeralOwner());
            two.delete().forPath("/persistent/node");
            until("made again", () -> two.checkExists().forPath("/persistent/node") != null);
            long owner = before.getEphemeralOwner();
            endSession(one);
            until("made again by the next session", () -> {
                Stat stat = two.checkExists().forPath("/persistent/node");
                return stat != null && stat.getEphemeralOwner() != owner;
            });
            node.setData(bytes("w"));
            until("written", () -> "w".equals(new String(two.getData().forPath("/persistent/node"), StandardCharsets.UTF_8)));
        }
        until("gone", () -> two.checkExists().forPath("/persistent/node") == null);
    }

    private void persistentTtlNode() throws Exception {
        try (PersistentTtlNode node = new PersistentTtlNode(one, "/ttl", 3_000, bytes("v"))) {
            node.start();
            check(node.waitForInitialCreate(PATIENCE, TimeUnit.SECONDS), "created");
            same(0L, two.checkExists().forPath("/ttl").getEphemeralOwner() >> 63);
            until("touched", () -> two.checkExists().forPath("/ttl/touch") != null);
        }
        same("v", new String(two.getData().forPath("/ttl"), StandardCharsets.UTF_8));
    }

    private void groupMember() throws Exception {
        GroupMember first = new GroupMember(one, "/group", "first", bytes("1"));
        GroupMember second = new GroupMember(two, "/group", "second", bytes("2"));
        first.start();
        second.start();
        until("each sees both", () -> first.getCurrentMembers().size() == 2 && second.getCurrentMembers().size() == 2);
        first.close();
        until("one is left", () -> second.getCurrentMembers().size() == 1);
        second.close();
    }

    private void pathChildrenCache() throws Exception {
        one.create().creatingParentsIfNeeded().forPath("/cache/a", bytes("1"));
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        try (PathChildrenCache cache = new PathChildrenCache(two, "/cache", true)) {
            cache.getListenable().addListener((client, event) -> {
                ChildData data = event.getData();
                events.add(event.getType() + (data == null ? "" : " " + data.getPath() + " " + new String(data.getData())));
            });
            cache.start(PathChildrenCache.StartMode.POST_INITIALIZED_EVENT);
            same("CHILD_ADDED /cache/a 1", events.poll(PATIENCE, TimeUnit.SECONDS));
            same("INITIALIZED", events.poll(PATIENCE, TimeUnit.SECONDS));
            one.create().forPath("/cache/b", bytes("2"));
            same("CHILD_ADDED /cache/b 2", events.poll(PATIENCE, TimeUnit.SECONDS));
            one.setData().forPath("/cache/b", bytes("3"));
            same("CHILD_UPDATED /cache/b 3", events.poll(PATIENCE, TimeUnit.SECONDS));
            one.delete().forPath("/cache/a");
            same("CHILD_REMOVED /cache/a 1", events.poll(PATIENCE, TimeUnit.SECONDS));
            same(1, cache.getCurrentData().size());
        }
    }

    private void curatorCache() throws Exception {
        one.create().creatingParentsIfNeeded().forPath("/tree/a/b", bytes("1"));
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        try (CuratorCache cache = CuratorCache.build(two, "/tree")) {
            CountDownLatch initialized = new CountDownLatch(1);
            cache.listenable().addListener(new org.apache.curator.framework.recipes.cache.CuratorCacheListener() {
                @Override
                public void event(Type type, ChildData before, ChildData after) {
                    ChildData data = after == null ? before : after;
                    events.add(type + " " + data.getPath());
                }

                @Override
                public void initialized() {
                    initialized.countDown();
                }
            });
            cache.start();
            check(initialized.await(PATIENCE, TimeUnit.SECONDS), "initialized");
            TreeSet<String> there = new TreeSet<>();
            events.drainTo(there);
            same("[NODE_CREATED /tree, NODE_CREATED /tree/a, NODE_CREATED /tree/a/b]", there.toString());
            one.setData().forPath("/tree/a/b", bytes("2"));
            same("NODE_CHANGED /tree/a/b", events.poll(PATIENCE, TimeUnit.SECONDS));
            one.create().forPath("/tree/c", bytes("3"));
            same("NODE_CREATED /tree/c", events.poll(PATIENCE, TimeUnit.SECONDS));
            one.delete().deletingChildrenIfNeeded().forPath("/tree/a");
            same("NODE_DELETED /tree/a/b", events.poll(PATIENCE, TimeUnit.SECONDS));
            same("NODE_DELETED /tree/a", events.poll(PATIENCE, TimeUnit.SECONDS));
            same(2, cache.size());
        }
    }

    private void persistentWatcher() throws Exception {
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        one.create().forPath("/watched");
        try (PersistentWatcher watcher = new PersistentWatcher(two, "/watched", true)) {
            CountDownLatch set = new CountDownLatch(1);
            watcher.getResetListenable().addListener(set::countDown);
            watcher.getListenable().addListener(event -> events.add(event.getType() + " " + event.getPath()));
            watcher.start();
            check(set.await(PATIENCE, TimeUnit.SECONDS), "set");
            for (String name : Arrays.asList("/watched/a", "/watched/a/b")) {
                one.create().forPath(name);
                same("NodeCreated " + name, events.poll(PATIENCE, TimeUnit.SECONDS));
            }
            one.setData().forPath("/watched/a/b", bytes("x"));
            same("NodeDataChanged /watched/a/b", events.poll(PATIENCE, TimeUnit.SECONDS));
            one.delete().forPath("/watched/a/b");
            same("NodeDeleted /watched/a/b", events.poll(PATIENCE, TimeUnit.SECONDS));
        }
    }

    private void sharedCount() throws Exception {
        BlockingQueue<Integer> counts = new LinkedBlockingQueue<>();
        try (SharedCount first = new SharedCount(one, "/count", 7);
                SharedCount second = new SharedCount(two, "/count", 0)) {
            first.start();
            second.start();
            same(7, second.getCount());
            second.addListener(new SharedCountListener() {
                @Override
                public void countHasChanged(SharedCountReader count, int value) {
                    counts.add(value);
                }

                @Override
                public void stateChanged(CuratorFramework client, ConnectionState state) {}
            });
            first.setCount(8);
            same(8, counts.poll(PATIENCE, TimeUnit.SECONDS));
            check(!second.trySetCount(first.getVersionedValue(), 9) || second.getCount() == 9, "by version");
            until("the first sees what the second wrote", () -> first.getCount() == second.getCount());
        }
    }

    private void atomicLong() throws Exception {
        List<Future<?>> all = new ArrayList<>();
        for (CuratorFramework client : Arrays.asList(one, two)) {
            all.add(others.submit(() -> {
                DistributedAtomicLong number = new DistributedAtomicLong(client, "/number", new RetryOneTime(1));
                for (int done = 0; done < 20; ) {
                    AtomicValue<Long> value = number.increment();
                    done += value.succeeded() ? 1 : 0;
                }
                return null;
            }));
        }
        for (Future<?> each : all) {
            of(each);
        }
        same(40L, new DistributedAtomicLong(one, "/number", new RetryOneTime(1)).get().postValue());
    }

    private void queue() throws Exception {
        BlockingQueue<String> taken = new LinkedBlockingQueue<>();
        QueueSerializer<String> serializer = new QueueSerializer<>() {
            @Override
            public byte[] serialize(String item) {
                return bytes(item);
            }

            @Override
            public String deserialize(byte[] bytes) {
                return new String(bytes, StandardCharsets.UTF_8);
            }
        };
        QueueConsumer<String> consumer = new QueueConsumer<>() {
            @Override
            public void consumeMessage(String message) {
                taken.add(message);
            }

            @Override
            public void stateChanged(CuratorFramework client, ConnectionState state) {}
        };
        try (DistributedQueue<String> from = QueueBuilder.builder(one, null, serializer, "/queue").buildQueue();
                DistributedQueue<String> to =
                        QueueBuilder.builder(two, consumer, serializer, "/queue").lockPath("/locks").buildQueue()) {
            from.start();
            List<String> want = new ArrayList<>();
            for (int number = 0; number < 50; number++) {
                want.add("item " + number);
                from.put("item " + number);
            }
            check(from.flushPuts(PATIENCE, TimeUnit.SECONDS), "put");
            to.start();
            until("all taken", () -> taken.size() == 50);
            same(new TreeSet<>(want), new TreeSet<>(taken));
        }
    }

    private void simpleQueue() throws Exception {
        SimpleDistributedQueue from = new SimpleDistributedQueue(one, "/simple");
        SimpleDistributedQueue to = new SimpleDistributedQueue(two, "/simple");
        Future<byte[]> waiting = others.submit(to::take);
        until("the queue is there", () -> one.checkExists().forPath("/simple") != null);
        from.offer(bytes("0"));
        same("0", new String(of(waiting)));
        for (int number = 1; number < 20; number++) {
            from.offer(bytes("" + number));
        }
        for (int number = 1; number < 20; number++) {
            same("" + number, new String(to.poll(PATIENCE, TimeUnit.SECONDS)));
        }
        check(to.poll() == null, "empty");
    }

    private void barrier() throws Exception {
        DistributedBarrier barrier = new DistributedBarrier(one, "/barrier");
        barrier.setBarrier();
        Future<Boolean> waiting =
                others.submit(() -> new DistributedBarrier(two, "/barrier").waitOnBarrier(PATIENCE, TimeUnit.SECONDS));
        check(!new DistributedBarrier(two, "/barrier").waitOnBarrier(100, TimeUnit.MILLISECONDS), "set");
        barrier.removeBarrier();
        check(of(waiting), "removed");
    }

    private void doubleBarrier() throws Exception {
        AtomicInteger entered = new AtomicInteger();
        List<Future<Boolean>> all = new ArrayList<>();
        for (int number = 0; number < 6; number++) {
            CuratorFramework client = number % 2 == 0 ? one : two;
            all.add(others.submit(() -> {
                DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(client, "/double", 6);
                boolean in = barrier.enter(PATIENCE, TimeUnit.SECONDS);
                entered.incrementAndGet();
                boolean out = barrier.leave(PATIENCE, TimeUnit.SECONDS);
                return in && out && entered.get() == 6;
            }));
        }
        for (Future<Boolean> each : all) {
            check(of(each), "all entered before one left");
        }
    }

    private void transactions() throws Exception {
        one.create().forPath("/t", bytes("1"));
        List<CuratorTransactionResult> results = one.transaction()
                .forOperations(
                        one.transactionOp().check().withVersion(0).forPath("/t"),
                        one.transactionOp().create().forPath("/t/a", bytes("a")),
                        one.transactionOp().setData().forPath("/t", bytes("2")),
                        one.transactionOp().create().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath("/t/s-"),
                        one.transactionOp().delete().forPath("/t/a"));
        same("/t/s-0000000001", results.get(3).getResultPath());
        same(1, results.get(2).getResultStat().getVersion());
        try {
            one.transaction()
                    .forOperations(
                            one.transactionOp().create().forPath("/t/b"),
                            one.transactionOp().check().withVersion(9).forPath("/t"),
                            one.transactionOp().create().forPath("/t/c"));
            throw new AssertionError("a check of another version holds");
        } catch (KeeperException.BadVersionException error) {
            same(3, error.getResults().size());
        }
        same(Collections.singletonList("s-0000000001"), two.getChildren().forPath("/t"));
    }

    private void nodes() throws Exception {
        BlockingQueue<String> answers = new LinkedBlockingQueue<>();
        for (int number = 0; number < 10; number++) {
            one.create()
                    .orSetData()
                    .creatingParentContainersIfNeeded()
                    .inBackground((client, event) -> answers.add(event.getResultCode() + " " + event.getPath()))
                    .forPath("/containers/node-" + number, bytes("" + number));
        }
        for (int number = 0; number < 10; number++) {
            same("0 /containers/node-" + number, answers.poll(PATIENCE, TimeUnit.SECONDS));
        }
        one.create().orSetData().forPath("/containers/node-1", bytes("again"));
        same("again", new String(two.getData().forPath("/containers/node-1")));
        String path = one.create()
                .withProtection()
                .withMode(CreateMode.EPHEMERAL_SEQUENTIAL)
                .forPath("/containers/protected-");
        check(path.matches("/containers/_c_[0-9a-f-]{36}-protected-0000000010"), path);
        Stat stat = new Stat();
        two.getData().storingStatIn(stat).forPath("/containers");
        same(11, stat.getNumChildren());
        same(11, stat.getCversion());
        two.delete().guaranteed().deletingChildrenIfNeeded().forPath("/containers");
        check(one.checkExists().forPath("/containers/node-3") == null, "deleted");
    }
}
