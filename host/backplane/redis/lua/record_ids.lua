-- needs: common
-- record_ids returns ids of records with a value, in their order: from ARGV[1]
-- on, as ZRANGEBYLEX has it, at most ARGV[2].
return redis.call('ZRANGEBYLEX', base .. 'records', ARGV[1], '+', 'LIMIT', 0, ARGV[2])
