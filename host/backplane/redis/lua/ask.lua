-- Asks one thing about one key of the shard.
return redis.call(ARGV[1], KEYS[1] .. ARGV[2], unpack(ARGV, 3))
