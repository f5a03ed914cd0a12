import asyncio
from aioinformer import Added, Deleted, SharedInformerFactory, Updated

async def main() -> None:
    async with SharedInformerFactory(resync=30) as factory:      # kubeconfig, else in-cluster
        deployments = factory.apps.v1.deployments                # one shared informer per GVR
        await factory.wait_for_cache_sync(timeout=30)
        for index, deployment in enumerate(deployments.lister.namespace("default").list(), start=1):
            print(index, "->", deployment.name)
        async for event in deployments.events():
            match event:
                case Added(object=new): print("add", new.key)
                case Updated(old=old, object=new): print("update", old.resource_version, new.resource_version)
                case Deleted(object=gone): print("delete", gone.key)

asyncio.run(main())
