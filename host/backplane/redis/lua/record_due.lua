-- needs: common
-- record_due returns up to ARGV[1] records that have ended.
return redis.call('ZRANGEBYSCORE', base .. 'record-ends', '-inf', int(now), 'LIMIT', 0, ARGV[1])
