-- containers become instances, with everything that refers to them
drop view containers_config_ref;
alter table containers rename to instances;
alter table containers_config rename to instances_config;
alter table containers_devices rename to instances_devices;
alter table containers_devices_config rename to instances_devices_config;
alter table containers_profiles rename to instances_profiles;
drop index containers_node;
create index instances_node on instances (node_id);
