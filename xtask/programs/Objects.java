// What a Java program allocates of C: buffers, packed streams, thread stacks, compiled code.
import java.nio.ByteBuffer;
import java.util.*;
import java.util.concurrent.*;
import java.util.zip.*;

class Objects {
    static long work(int seed) throws Exception {
        var random = new Random(seed);
        long sum = 0;
        var buffers = new ArrayList<ByteBuffer>();
        for (int i = 0; i < 300; i++) {
            var buffer = ByteBuffer.allocateDirect(1 + random.nextInt(200_000));
            buffer.put(0, (byte) i);
            buffers.add(buffer);
            if (buffers.size() > 40) {
                sum += buffers.remove(random.nextInt(buffers.size())).get(0);
            }
            var bytes = new byte[20_000];
            random.nextBytes(bytes);
            Arrays.fill(bytes, 0, 10_000, (byte) i);
            var deflater = new Deflater();
            deflater.setInput(bytes);
            deflater.finish();
            var packed = new byte[30_000];
            int length = deflater.deflate(packed);
            deflater.end();
            var inflater = new Inflater();
            inflater.setInput(packed, 0, length);
            var back = new byte[20_000];
            inflater.inflate(back);
            inflater.end();
            if (!Arrays.equals(bytes, back)) {
                throw new Exception("unpacking gave something else");
            }
            sum += length;
        }
        return sum;
    }

    public static void main(String[] args) throws Exception {
        var pool = Executors.newFixedThreadPool(8);
        var results = new ArrayList<Future<Long>>();
        for (int seed = 0; seed < 32; seed++) {
            int mine = seed;
            results.add(pool.submit(() -> work(mine)));
        }
        for (var result : results) {
            System.out.println(result.get());
        }
        pool.shutdown();
        var table = new TreeMap<String, Integer>();
        for (int i = 0; i < 500_000; i++) {
            table.merge("key " + i * 7919 % 100_003, i, Integer::sum);
        }
        System.out.println(table.size() + " " + table.hashCode());
    }
}
