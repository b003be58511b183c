-- Takes away an entry (KEYS[2], whose KEYS[3] remembers it for ARGV[5] milliseconds), what has a tag
-- (ARGV[6]), or everything; ARGV[3] says which. Tells ARGV[4], a channel, what ARGV[7] says.
-- A script may write in a full server once it has taken something away, so that comes first.
local what = ARGV[3]
if what == 'key' then redis.call('DEL', KEYS[2]) end
if what == 'tag' then redis.pcall('HDEL', KEYS[1], 't:' .. ARGV[6]) end
local e, n, a = history()
if what == 'tag' and redis.call('HLEN', KEYS[1]) > tonumber(ARGV[5]) then what = 'all' end
if what == 'all' then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'e', e, 'n', n, 'a', a)
end
n = redis.call('HINCRBY', KEYS[1], 'n', 1)
if what == 'key' then redis.call('SET', KEYS[3], n, 'PX', ARGV[5]) end
if what == 'tag' then redis.call('HSET', KEYS[1], 't:' .. ARGV[6], n) end
if what == 'all' then redis.call('HSET', KEYS[1], 'a', n) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[4], ARGV[7])
return n
