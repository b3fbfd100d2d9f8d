alter table instances_config rename column container_id to instance_id;
alter table instances_devices rename column container_id to instance_id;
alter table instances_devices_config rename column container_device_id to instance_device_id;
alter table instances_profiles rename column container_id to instance_id;
