-- A node says how many read its topics, and that it lives; and buries a node that does not.
-- KEYS: nodes, readers, this node's own. ARGV: node, what the keys of nodes begin with, milliseconds
-- that it is believed to live, '1' if it comes with a new name, then topic and counts ('1 0 2', by
-- technique) for each topic whose readers have changed.
-- Answers 1; 0 if the name is not known any more: then nothing was taken in.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lives_until = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
if ARGV[4] ~= '1' and lives_until <= now then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3]), ARGV[1])

local function change(topic, from, to)
  local sum = {}
  local any = false
  local total, was, is = {}, {}, {}
  for count in string.gmatch(redis.call('HGET', KEYS[2], topic) or '', '%d+') do total[#total + 1] = count end
  for count in string.gmatch(from, '%d+') do was[#was + 1] = count end
  for count in string.gmatch(to, '%d+') do is[#is + 1] = count end
  for n = 1, math.max(#total, #was, #is) do
    sum[n] = math.max(0, (total[n] or 0) - (was[n] or 0) + (is[n] or 0))
    any = any or sum[n] > 0
  end
  if any then
    redis.call('HSET', KEYS[2], topic, table.concat(sum, ' '))
  else
    redis.call('HDEL', KEYS[2], topic)
  end
end

for n = 5, #ARGV, 2 do
  local topic, counts = ARGV[n], ARGV[n + 1]
  change(topic, redis.call('HGET', KEYS[3], topic) or '', counts)
  if string.find(counts, '[1-9]') then
    redis.call('HSET', KEYS[3], topic, counts)
  else
    redis.call('HDEL', KEYS[3], topic)
  end
end

-- A portion of what one dead node has left.
local dead = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1)[1]
if dead then
  local own = ARGV[2] .. dead
  local left = redis.call('HSCAN', own, 0, 'COUNT', 1000)[2]
  for n = 1, #left, 2 do
    change(left[n], left[n + 1], '')
    redis.call('HDEL', own, left[n])
  end
  if redis.call('HLEN', own) == 0 then redis.call('ZREM', KEYS[1], dead) end
end
return 1
