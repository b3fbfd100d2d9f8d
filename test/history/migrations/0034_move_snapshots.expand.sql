insert into instances_snapshots (instance_id, name, creation_date, stateful, description)
  select parent.id, substr(s.name, instr(s.name, '/') + 1), s.creation_date, s.stateful, s.description
  from instances s join instances parent on parent.project_id = s.project_id
    and parent.name = substr(s.name, 1, instr(s.name, '/') - 1)
  where s.type = 1;
insert into instances_snapshots_config (instance_snapshot_id, key, value)
  select i.id, c.key, c.value from instances_snapshots i
    join instances p on p.id = i.instance_id
    join instances s on s.name = p.name || '/' || i.name and s.project_id = p.project_id
    join instances_config c on c.instance_id = s.id;
insert into instances_snapshots_devices (instance_snapshot_id, name, type)
  select i.id, d.name, d.type from instances_snapshots i
    join instances p on p.id = i.instance_id
    join instances s on s.name = p.name || '/' || i.name and s.project_id = p.project_id
    join instances_devices d on d.instance_id = s.id;
